// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <opencv2/core.hpp>

#include "models/image/sector.h"

namespace hepar {

// Tracks the sector over the frames of one stream. The first frame decides; it changes only when
// several later frames in a row clearly disagree (another depth, probe or view), so that the
// network's input does not jump from frame to frame. Not thread-safe: one per stream.
class SectorTracker {
 public:
  explicit SectorTracker(const SectorRule& rule);

  // The sector to use for a frame of `size`, valid until the next call. The first call after
  // construction or Reset() equals FindSector(luma(), rule). `luma` is called only for the few
  // frames that are examined; it must return a picture of `size`.
  const Sector& Update(cv::Size size, const std::function<cv::Mat()>& luma);

  // The same for a frame that is not in this memory: `search_picture` returns what SearchPicture()
  // (models/image/scan_finder.h) makes of its luma.
  const Sector& UpdateBySearchPicture(cv::Size size,
                                      const std::function<cv::Mat()>& search_picture);

  // Forgets the stream (new caps, flush, seek).
  void Reset();

 private:
  SectorRule rule_;
  Sector current_;
  bool found_ = false;  // Whether current_ is a scan, and not a frame without one.
  Sector candidate_;    // The sector of the latest disagreeing frames.
  int frame_count_ = 0;
  int disagreements_ = 0;  // Consecutive frames that agree with the candidate.
};

}  // namespace hepar
