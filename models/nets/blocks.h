// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <string>

#include "models/graph/graph.h"
#include "models/nets/batch_norm.h"

namespace hepar {

class GraphBuilder;

// Each block lowers itself: Lower() appends to a graph what forward() computes in evaluation mode
// for the value `x`, under names that begin with `name`, and returns the id of the result.

// Conv2d(k x k, padding d*(k/2), dilation d, no bias) + BatchNorm2d + ReLU: "CBR".
// (B, in, H, W) -> (B, out, ceil(H/stride), ceil(W/stride)).
struct ConvBnReluImpl : torch::nn::Module {
  ConvBnReluImpl(int in, int out, int kernel, int dilation = 1, int stride = 1);
  torch::Tensor forward(const torch::Tensor& x);
  // forward(x) + residual where a residual is given. One convolution node.
  int Lower(GraphBuilder* graph, const std::string& name, int x,
            int residual = Graph::kNoValue) const;

  torch::nn::Conv2d conv{nullptr};
  BatchNorm2d bn{nullptr};

 private:
  int padding_;
};
TORCH_MODULE(ConvBnRelu);

// Multi-head self-attention over the pixels of a small grid, with pre-normalization and without a
// residual: OutProj(MHSA(LayerNorm(tokens(x)))), (B, C, H, W) -> (B, C, H, W). Implemented with
// Linear, matmul and softmax, because nn::MultiheadAttention and scaled dot product attention
// differ between the supported LibTorch releases.
struct GridAttentionImpl : torch::nn::Module {
  GridAttentionImpl(int channels, int heads);  // channels % heads == 0.
  torch::Tensor forward(const torch::Tensor& x);
  // x + forward(x): the graph's attention operator includes the residual.
  int LowerWithResidual(GraphBuilder* graph, const std::string& name, int x) const;

  int heads;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear qkv{nullptr}, proj{nullptr};
};
TORCH_MODULE(GridAttention);

// Bilinear interpolation (align_corners = false) to the exact height and width of `like`, so that
// odd sizes match their skip connections.
torch::Tensor UpsampleLike(const torch::Tensor& x, const torch::Tensor& like);
int LowerUpsampleLike(GraphBuilder* graph, const std::string& name, int x, int like);

// Means over windows that divide x into the height and width of `like`.
torch::Tensor MeanLike(const torch::Tensor& x, const torch::Tensor& like);
int LowerMeanLike(GraphBuilder* graph, const std::string& name, int x, int like);

// Max pooling by `stride` in both directions, rounded up. Stride 1 returns x.
torch::Tensor PoolDown(const torch::Tensor& x, int stride);
int LowerPoolDown(GraphBuilder* graph, const std::string& name, int x, int stride);

}  // namespace hepar
