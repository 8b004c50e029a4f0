// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

#include "models/image/frame_view.h"
#include "models/image/sector_rule.h"
#include "models/image/sector_tracker.h"

namespace hepar {

// The input picture that a model expects. Stored in the bundle.
struct PreprocessOptions {
  int size = 224;    // Side of the square network input, pixels.
  int channels = 1;  // 1: luma only; 3: R'G'B' (models that select other planes than luma).
  SectorRule sector;
};

// One frame prepared for the network.
struct PreparedImage {
  cv::Mat pixels;   // CV_32FC1 or CV_32FC3 (R,G,B), size x size, in [0,1]; 0 outside the sector.
  cv::Rect bounds;  // The part of the frame in `pixels`, which is stretched to a square.
  int frame_width = 0;
  int frame_height = 0;
};

// The only path from a video frame to network input, for training and elements alike:
// luma (or RGB) -> sector -> mask outside -> crop to the sector's bounds -> area-average resize.
//
// Tracks the sector over the frames of a stream; for still pictures call Reset() before each. A
// stream that is marked as video range but holds full range (ShowsFullRange()) is treated as full
// range from that frame on. Not thread-safe: one per stream.
class Preprocessor {
 public:
  explicit Preprocessor(const PreprocessOptions& options);

  // Throws Error(kInvalid) for a malformed view, Error(kMismatch) for a fixed sector outside it.
  PreparedImage Process(const FrameView& given);
  void Reset();

  // Whether the stream was found to be marked with the wrong range, since the last Reset().
  bool has_wrong_range() const { return has_wrong_range_; }

  const PreprocessOptions& options() const { return options_; }

 private:
  PreprocessOptions options_;
  SectorTracker tracker_;
  bool has_wrong_range_ = false;
};

}  // namespace hepar
