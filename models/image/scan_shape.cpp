// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/scan_shape.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hepar {

cv::Mat DrawShape(const ScanShape& shape, cv::Size size, double work_width, double scale,
                  double inset) {
  double top = 0.0;
  double bottom = size.height;
  if (shape.top && !shape.top->is_arc) top = shape.top->value * scale + inset;
  if (shape.bottom && !shape.bottom->is_arc) bottom = shape.bottom->value * scale - inset;

  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  // Sets the pixels of a row whose centers are in [from, to].
  const auto fill = [&](int y, double from, double to, std::uint8_t value) {
    const int first = static_cast<int>(std::ceil(std::max(from, 0.0) - 0.5));
    const int last = static_cast<int>(std::floor(std::min<double>(to, size.width) - 0.5));
    if (first <= last) std::fill(mask.ptr(y) + first, mask.ptr(y) + last + 1, value);
  };
  // Half the width at height y of the circle that an end lies on; nothing above and below it.
  const auto half_chord = [&](double radius, double y) -> std::optional<double> {
    const double square =
        radius * radius - (y - shape.apex->y * scale) * (y - shape.apex->y * scale);
    if (radius <= 0 || square < 0) return std::nullopt;
    return std::sqrt(square);
  };

  for (int row = 0; row < size.height; ++row) {
    const double y = row + 0.5;
    if (y < top || y > bottom) continue;
    double left = 0.0;
    double right = size.width;
    if (shape.left) {
      left = shape.left->At(y / scale) * scale + inset * std::hypot(1.0, shape.left->slope);
    }
    if (shape.right) {
      right = (work_width - shape.right->At(y / scale)) * scale -
              inset * std::hypot(1.0, shape.right->slope);
    }
    if (shape.bottom && shape.bottom->is_arc) {
      const auto half = half_chord(shape.bottom->value * scale - inset, y);
      if (!half) continue;
      left = std::max(left, shape.apex->x * scale - *half);
      right = std::min(right, shape.apex->x * scale + *half);
    }
    fill(row, left, right, 255);
    if (shape.top && shape.top->is_arc) {
      const auto half = half_chord(shape.top->value * scale + inset, y);
      if (half) fill(row, shape.apex->x * scale - *half, shape.apex->x * scale + *half, 0);
    }
  }
  return mask;
}

}  // namespace hepar
