// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>

namespace hepar::testing {

// The outline of a fan: two straight sides that meet in the apex, and two arcs about it.
struct Fan {
  cv::Point2d apex;
  double half_angle;  // Radians.
  double inner;
  double outer;
};

inline const Fan kPhasedArray = {{320, 12}, 0.85, 0, 380};
inline const Fan kCurvedArray = {{320, -120}, 0.55, 150, 560};

// 255 inside the fan, 0 outside.
cv::Mat FanMask(cv::Size size, const Fan& fan);

// Speckle with the given mean where the mask is set, black elsewhere.
cv::Mat Speckle(const cv::Mat& mask, int mean, std::uint64_t seed);

// Draws the text and marks that scanners burn in; returns their mask.
cv::Mat BurnIn(cv::Mat* picture);

// Intersection over union of two masks.
double OverlapOf(const cv::Mat& a, const cv::Mat& b);

}  // namespace hepar::testing
