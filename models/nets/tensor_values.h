// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <vector>

namespace hepar {

// Copies the values of a tensor on any device, in row-major order, as 32-bit floats.
std::vector<float> ValuesOf(const torch::Tensor& tensor);

}  // namespace hepar
