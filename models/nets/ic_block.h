// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <string>

#include "models/nets/blocks.h"

namespace hepar {

// Iterative-compression block: the small U-Net that forms each stage of an ICFDNet (paper,
// section 2.1 and figure 3). Gradual down-sampling, multi-head self-attention on a small grid,
// dilated convolutions and decoding; the block's initial features are pooled into every level
// ("multi-level pooling") and added at the end. Modeled on the residual U-blocks of U2-Net.
struct IcBlockOptions {
  int in = 0;       // Channels in.
  int inner = 0;    // M: inner channels, a multiple of kHeads.
  int out = 0;      // Channels out.
  int stride1 = 2;  // Down-sampling of the first inner level.
  int stride2 = 1;  // Down-sampling of the second.

  static constexpr int kHeads = 4;
};

// Sets the inner strides for a stage with side x side pixels at the design input size of 224. Their
// product makes the attention grid 14 x 14 (7 x 7 at the smallest stage).
void ChooseInnerStrides(int side, IcBlockOptions* options);

// (B, in, H, W) -> (B, out, H, W), any H, W >= 1.
struct IcBlockImpl : torch::nn::Module {
  explicit IcBlockImpl(const IcBlockOptions& options);
  torch::Tensor forward(const torch::Tensor& x);
  int Lower(GraphBuilder* graph, const std::string& name, int x) const;

  IcBlockOptions options;
  ConvBnRelu h0{nullptr}, e1{nullptr}, e2{nullptr}, e3{nullptr};
  torch::nn::Conv2d position{nullptr};
  GridAttention attention{nullptr};
  ConvBnRelu dilated2{nullptr}, dilated4{nullptr};
  ConvBnRelu inject2{nullptr}, inject1{nullptr};
  ConvBnRelu d2{nullptr}, d1{nullptr};
};
TORCH_MODULE(IcBlock);

}  // namespace hepar
