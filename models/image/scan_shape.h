// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <optional>

// Internal to the sector finder. Coordinates are continuous: pixel i covers [i, i + 1).
namespace hepar {

// The straight side of a scan: its distance inward from the frame's left or right border at height
// y.
struct Side {
  double offset;
  double slope;
  double At(double y) const { return offset + slope * y; }
};

// The end of a scan at the top or the bottom: an arc about the apex or a fixed height.
struct End {
  bool is_arc;
  double value;   // The radius or the height.
  bool is_clear;  // Most of the scan visibly ends there, so nothing beyond belongs to it.
};

// The outline of a scan: a fan or a rectangle.
struct ScanShape {
  // A side that is cut off by the frame is absent.
  std::optional<Side> left;
  std::optional<Side> right;
  // The intersection of the sides; absent when they are parallel or either is absent.
  std::optional<cv::Point2d> apex;
  std::optional<End> top;
  std::optional<End> bottom;
};

// A CV_8UC1 mask of `size`: 255 for pixels whose centers are inside the shape. The shape was fitted
// on a picture of `work_width` pixels and is scaled by `scale`; `inset` pixels are removed along
// each boundary other than the frame's.
cv::Mat DrawShape(const ScanShape& shape, cv::Size size, double work_width, double scale,
                  double inset);

}  // namespace hepar
