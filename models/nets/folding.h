// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "models/graph/graph.h"
#include "models/nets/batch_norm.h"

namespace hepar {

// Graph operators made from LibTorch modules in evaluation mode, for the networks' Lower().

// A convolution followed by the activation.
Convolution FoldConvolution(const torch::nn::Conv2d& conv, Activation activation);

// A convolution, batch normalization by its running statistics, and the activation. The
// normalization is folded into weights and bias in 64-bit arithmetic.
Convolution FoldConvolution(const torch::nn::Conv2d& conv, const BatchNorm2d& norm,
                            Activation activation);

// A linear layer followed by the activation, as a 1 x 1 convolution of a vector.
Convolution FoldLinear(const torch::nn::Linear& linear, Activation activation);

}  // namespace hepar
