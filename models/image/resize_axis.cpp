// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/resize_axis.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hepar {

ResizeAxis AreaAxis(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  ResizeAxis axis;
  axis.weights.reserve(static_cast<std::size_t>(in) + out);
  axis.begin.push_back(0);
  for (int i = 0; i < out; ++i) {
    const double begin = i * scale, end = (i + 1) * scale;
    const int first = static_cast<int>(begin);
    const int last = std::min(in, static_cast<int>(std::ceil(end)));
    const auto covered = [&](int j) {
      return std::min<double>(end, j + 1) - std::max<double>(begin, j);
    };
    double sum = 0.0;
    for (int j = first; j < last; ++j) sum += covered(j);
    for (int j = first; j < last; ++j) {
      axis.weights.push_back(static_cast<float>(covered(j) / sum));
    }
    axis.first.push_back(first);
    axis.begin.push_back(static_cast<int>(axis.weights.size()));
  }
  return axis;
}

ResizeAxis LinearAxis(int in, int out) {
  // The position is rounded to 32 bits as OpenCV's is.
  const double scale = 1.0 / (static_cast<double>(out) / in);
  ResizeAxis axis;
  axis.begin.push_back(0);
  for (int i = 0; i < out; ++i) {
    const auto position = static_cast<float>((i + 0.5) * scale - 0.5);
    const auto floor = static_cast<int>(std::floor(position));
    const float second = position - static_cast<float>(floor);
    if (floor < 0 || floor >= in - 1) {
      axis.first.push_back(std::clamp(floor, 0, in - 1));
      axis.weights.push_back(1.0f);
    } else {
      axis.first.push_back(floor);
      axis.weights.push_back(1.0f - second);
      axis.weights.push_back(second);
    }
    axis.begin.push_back(static_cast<int>(axis.weights.size()));
  }
  return axis;
}

}  // namespace hepar
