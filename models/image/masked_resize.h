// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

#include "models/image/luma.h"
#include "models/image/sector.h"

namespace hepar {

// Area-averages the bounds of `sector` to `size`, which must not exceed them on either axis. Pixels
// outside the mask count as 0. Returns CV_32FC(channels) with the values of `reader` (1 or 3
// channels).
//
// One pass: each row within the bounds is read, masked and added to the one or two output rows that
// it contributes to, while it is in the cache. No buffer of the frame's size is allocated. A chain
// of OpenCV functions took 1.4 times as long for gray frames, and much longer for color, whose
// larger intermediate pictures are mapped and unmapped each time.
cv::Mat ResizeMasked(const FrameReader& reader, int channels, const Sector& sector, cv::Size size);

}  // namespace hepar
