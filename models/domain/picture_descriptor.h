// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <opencv2/core.hpp>

namespace hepar {

// What a prepared picture (models/image/preprocess.h) looks like, in few numbers: how bright its
// near and its far half are, and how much neighboring pixels differ in them, at four scales, along
// and across the beams. It is a description of texture: it tells scans from noise, other organs in
// other framings, and pictures that stand on their head, but knows no anatomy.
//
// For the upper half of the rows, then the lower (an odd last row is left out), with m the mean
// gray level (BT.601 luma of color) + 0.01:
//   for each level 0..3: log((g_x + 0.001) / m), log((g_y + 0.001) / m), log m at the end,
// where g_x and g_y are the sums of |difference| of horizontal and vertical neighbors over the
// number of pixels, and each level has the means of 2 x 2 pixels of the one before (odd last rows
// and columns are left out). Dividing by m makes little of a gain that multiplies.
constexpr int kDescriptorLevels = 4;
constexpr int kDescriptorSize = 2 * (2 * kDescriptorLevels + 1);
// Grows when another picture descriptor takes the place of this one.
constexpr int kDescriptorVersion = 1;
using PictureDescriptor = std::array<float, kDescriptorSize>;

// Of a CV_32FC1 or CV_32FC3 (R,G,B) picture in [0,1], 32 x 32 pixels at least. Takes no memory but
// for color and for pictures of more than 256 rows or columns. Throws Error(kInvalid) for others.
PictureDescriptor DescribePicture(const cv::Mat& pixels);

}  // namespace hepar
