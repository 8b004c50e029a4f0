// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/nets/batch_norm.h"

namespace hepar {

// Conv2d(k x k, padding d*(k/2), dilation d, no bias) + BatchNorm2d + ReLU: "CBR".
// (B, in, H, W) -> (B, out, ceil(H/stride), ceil(W/stride)).
struct ConvBnReluImpl : torch::nn::Module {
  ConvBnReluImpl(int in, int out, int kernel, int dilation = 1, int stride = 1);
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d conv{nullptr};
  BatchNorm2d bn{nullptr};

 private:
  int padding_;
};
TORCH_MODULE(ConvBnRelu);

// Multi-head self-attention over the pixels of a small grid, pre-normalised:
// OutProj(MHSA(LayerNorm(tokens(x)))), (B, C, H, W) -> (B, C, H, W); no residual inside.
// Written out with Linear, matmul and softmax, because nn::MultiheadAttention and scaled dot
// product attention differ between the LibTorch releases that are supported.
struct GridAttentionImpl : torch::nn::Module {
  GridAttentionImpl(int channels, int heads);  // channels % heads == 0.
  torch::Tensor forward(const torch::Tensor& x);

  int heads;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear qkv{nullptr}, proj{nullptr};
};
TORCH_MODULE(GridAttention);

// Bilinear (align_corners = false) to the height and width of `like`, exactly, so that odd sizes
// meet their skip connections.
torch::Tensor UpsampleLike(const torch::Tensor& x, const torch::Tensor& like);

// Max pooling by `stride` in both directions, rounding up; stride 1 returns x.
torch::Tensor PoolDown(const torch::Tensor& x, int stride);

}  // namespace hepar
