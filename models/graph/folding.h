// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <vector>

#include "models/graph/graph.h"
#include "models/nets/batch_norm.h"

namespace hepar {

// The values of a tensor, row by row, as 32-bit floats.
std::vector<float> ValuesOf(const torch::Tensor& tensor);

// The convolution that a module, followed by the activation, is in evaluation mode.
Convolution FoldConvolution(const torch::nn::Conv2d& conv, Activation activation);

// The same with a batch normalisation between, by its running statistics, folded into the weights.
Convolution FoldConvolution(const torch::nn::Conv2d& conv, const BatchNorm2d& norm,
                            Activation activation);

// A linear layer as a convolution of a vector, followed by the activation.
Convolution FoldLinear(const torch::nn::Linear& linear, Activation activation);

}  // namespace hepar
