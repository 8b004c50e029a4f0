// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace hepar {

// Number of learned values of a module, without buffers such as running means.
int64_t CountParameters(const torch::nn::Module& module);

// Multiply-accumulate operations of the convolutions and matrix products that `forward` runs on
// this thread. Normalization, activation, pooling and interpolation are not counted.
int64_t CountMacs(const std::function<void()>& forward);

}  // namespace hepar
