// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

// Internal to FindSector().
namespace hepar {

// The mask (CV_8UC1 of the same size, 255 inside) of the B-mode scan in a picture (CV_8UC1, full
// range); empty or all zero where there is none. Segments bright compact regions, fits a fan or a
// rectangle to them, and falls back to their convex hull where neither fits.
cv::Mat FindScan(const cv::Mat& luma);

}  // namespace hepar
