// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <opencv2/core.hpp>

#include "models/image/frame_view.h"

namespace hepar {

// BT.601 luma of a frame in any supported format, full range: Y = .299 R + .587 G + .114 B
// (the color-space transform and selection of the paper, section 3; model planes "y").
// CV_32FC1 in [0,1], of the frame's size. Video range is expanded and clipped. Y'CbCr with a matrix
// other than BT.601 is converted through R'G'B', so a picture has the same luma in every format.
// Throws Error(kInvalid) for a view with an invalid size, stride or plane.
cv::Mat FrameToLuma(const FrameView& frame);

// The same frame as R'G'B', full range: CV_32FC3 in [0,1], channel order R, G, B.
cv::Mat FrameToRgb(const FrameView& frame);

// The same conversions for parts of rows, for callers that process a frame in one pass.
class FrameReader {
 public:
  // Reads luma (1 channel) or R'G'B' (3 channels). Keeps the view: the frame must stay mapped.
  // Throws as FrameToLuma().
  FrameReader(const FrameView& frame, int channels);
  ~FrameReader();

  // Writes the pixels [begin, end) of row `y`, `channels` floats in [0,1] for each.
  void ReadRow(int y, int begin, int end, float* out) const;

  struct Rows;  // Reads one kind of frame.

 private:
  std::unique_ptr<Rows> rows_;
};

}  // namespace hepar
