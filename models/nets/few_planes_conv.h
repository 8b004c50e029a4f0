// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace hepar {

// torch::conv2d (no dilation, one group) for an input of few planes, as the first convolution of a
// net has: x (B, C, H, W), weight (O, C, kh, kw), bias (O) or undefined. Where an attack asks for
// the gradient of the picture, LibTorch's own fills vectors of 8 channels from C = 1 or 3 and is
// slow; here it is a matrix product with the weights, whose columns are then added up in place.
// The same sums in another order, for 3 x 3 weights in half the time; a 7 x 7 kernel gains nothing.
// CPU, float and double, up to 4 planes; all else, and every pass without a gradient of x, is
// torch::conv2d itself. Cannot be differentiated twice.
torch::Tensor FewPlanesConv2d(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding);

// nn::Conv2d by FewPlanesConv2d. Zero padding, one group and no dilation only.
struct FewPlanesConvImpl : torch::nn::Conv2dImpl {
  using Conv2dImpl::Conv2dImpl;
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(FewPlanesConv);

}  // namespace hepar
