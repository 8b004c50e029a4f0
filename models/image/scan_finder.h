// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

// Internal to FindSector().
namespace hepar {

// The search runs on a small picture: the frame's luma averaged over blocks of SearchFactor()
// pixels a side. Pixels at the right and lower border that fill no block are left out.
int SearchFactor(cv::Size frame);
cv::Size SearchSize(cv::Size frame);
cv::Mat SearchPicture(const cv::Mat& luma);

// The mask (CV_8UC1 of size `frame`, 255 inside) of the B-mode scan in a frame, whose search
// picture is `work` (CV_8UC1, full range); empty or all zero where there is none. Segments bright
// compact regions, fits a fan or a rectangle to them, and falls back to their convex hull where
// neither fits.
cv::Mat FindScan(const cv::Mat& work, cv::Size frame);

}  // namespace hepar
