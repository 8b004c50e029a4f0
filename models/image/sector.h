// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <opencv2/core.hpp>
#include <string>

namespace hepar {

// Where in a frame the ultrasound image is: everything else (burned-in text, ECG trace, scales,
// black border) must not reach a network, which would learn it.
struct Sector {
  cv::Rect bounds;  // In pixels of the frame; never empty, never outside the frame.
  cv::Mat mask;     // CV_8UC1 of the frame's size, 255 inside and 0 outside.
};

// How the sector is chosen; part of a model bundle, so that training and live use agree.
struct SectorRule {
  enum class Kind { kAuto, kFull, kFixed };
  Kind kind = Kind::kAuto;
  cv::Rect fixed;  // Only for kFixed: the rectangle, in pixels of the frame.

  // Reads "auto", "full" or "x,y,w,h". Throws Error(kInvalid) otherwise.
  static SectorRule Parse(const std::string& text);
  std::string ToString() const;
};

// Finds the sector of one frame. `luma` is CV_8UC1, full range. For kAuto: the fan (or rectangle)
// of a B-mode scan; a frame that holds none (black, too dark, no compact region) gives the whole
// frame. For kFixed the rectangle is clipped to the frame; one that lies outside it throws
// Error(kMismatch). Pure function; threads may call it at the same time.
Sector FindSector(const cv::Mat& luma, const SectorRule& rule);

// Follows the sector over the frames of one stream: the first frame decides, later frames may only
// change it when several in a row disagree clearly (another depth, another probe, another view), so
// that the network's input does not jump from frame to frame. Not thread-safe: one per stream.
class SectorTracker {
 public:
  explicit SectorTracker(const SectorRule& rule);

  // The sector to use for a frame of `size`, valid until the next call. The first call after
  // construction or Reset() equals FindSector(luma(), rule). `luma` is only called when this frame
  // is looked at, which few are; it must give a picture of `size`.
  const Sector& Update(cv::Size size, const std::function<cv::Mat()>& luma);

  // Forgets the stream (new caps, flush, seek).
  void Reset();

 private:
  SectorRule rule_;
  Sector current_;
  bool found_ = false;  // Whether current_ is a scan, not a frame that showed none.
  Sector candidate_;    // What the latest disagreeing frames show.
  int frame_count_ = 0;
  int disagreements_ = 0;  // Frames in a row that show the candidate.
};

}  // namespace hepar
