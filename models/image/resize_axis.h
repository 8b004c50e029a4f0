// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

namespace hepar {

// The weights of one axis of a resize: output i is the sum of weights[begin[i] + k] times input
// first[i] + k, for all k below begin[i + 1] - begin[i]. The weights of an output sum to 1.
struct ResizeAxis {
  std::vector<int> first, begin;
  std::vector<float> weights;

  int outputs() const { return static_cast<int>(first.size()); }
  int count(int i) const { return begin[i + 1] - begin[i]; }
  const float* weights_of(int i) const { return &weights[begin[i]]; }
};

// Outputs that divide `in` inputs into equal areas. `out` must not exceed `in`.
ResizeAxis AreaAxis(int in, int out);

// Outputs between the two nearest inputs, with pixel centers at half numbers and the border
// repeated: what cv::resize(INTER_LINEAR) computes for an axis that grows.
ResizeAxis LinearAxis(int in, int out);

}  // namespace hepar
