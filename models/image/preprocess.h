// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

#include "models/image/frame_view.h"
#include "models/image/sector_rule.h"
#include "models/image/sector_tracker.h"

namespace hepar {

// What a model expects of its input picture; stored in the model bundle.
struct PreprocessOptions {
  int size = 224;    // Side of the square network input, pixels.
  int channels = 1;  // 1: luma only; 3: R'G'B' (models that select other planes than luma).
  SectorRule sector;
};

// One frame made ready for the network.
struct PreparedImage {
  cv::Mat pixels;   // CV_32FC1 or CV_32FC3 (R,G,B), size x size, in [0,1]; 0 outside the sector.
  cv::Rect bounds;  // The part of the frame that `pixels` shows, stretched to the square.
  int frame_width = 0;
  int frame_height = 0;
};

// THE way from a video frame to network input, used by training and by the elements alike:
// luma (or RGB) -> sector -> mask outside -> crop to the sector's bounds -> area-average resize.
//
// Keeps the sector of one stream from frame to frame; for stills call Reset() before each. A stream
// that is said to be in video range and shows that it is not (ShowsFullRange()) is taken for full
// range from that frame on.
// Not thread-safe: one per stream.
class Preprocessor {
 public:
  explicit Preprocessor(const PreprocessOptions& options);

  // Throws Error(kInvalid) for a malformed view, Error(kMismatch) for a fixed sector outside it.
  PreparedImage Process(const FrameView& given);
  void Reset();

  // Whether the range was found to be another than the views say, since the last Reset().
  bool has_wrong_range() const { return has_wrong_range_; }

  const PreprocessOptions& options() const { return options_; }

 private:
  PreprocessOptions options_;
  SectorTracker tracker_;
  bool has_wrong_range_ = false;
};

}  // namespace hepar
