// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

#include "models/image/luma.h"
#include "models/image/sector.h"

namespace hepar {

// The bounds of `sector` averaged over areas to `size`, which must not exceed them on either axis;
// what is outside the mask counts as 0. CV_32FC(channels), with the values that `reader` gives
// (1 or 3 channels).
//
// One pass: each row inside the bounds is read, masked and added to the one or two rows of the
// result that it reaches while it is still in the cache. Nothing of the frame's size is allocated;
// pictures made one after the other, with OpenCV's functions, took 1.4 times as long for grey
// frames and far longer for colour, whose larger pictures are mapped and unmapped each time.
cv::Mat ResizeMasked(const FrameReader& reader, int channels, const Sector& sector, cv::Size size);

}  // namespace hepar
