// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/nets/classifier.h"

namespace hepar {

// Self-attention over (B, T, width) tokens with the parameters of PyTorch's MultiheadAttention:
// `in_proj_weight` holds the rows of query, key and value in this order. Implemented with matmul
// and softmax, because LibTorch's own differs between the supported releases.
struct TokenAttentionImpl : torch::nn::Module {
  TokenAttentionImpl(int width, int heads);  // width % heads == 0.
  torch::Tensor forward(const torch::Tensor& tokens);

  int heads;
  torch::Tensor in_proj_weight, in_proj_bias;
  torch::nn::Linear out_proj{nullptr};
};
TORCH_MODULE(TokenAttention);

// Resizes position embeddings (1, 1 + n*n, D), the first of which belongs to the class token, to
// another grid of patches by bicubic interpolation: (1, 1 + rows*columns, D). Returns the tensor
// itself for an equal grid.
torch::Tensor ResizePositions(const torch::Tensor& positions, int64_t rows, int64_t columns);

struct VisionTransformerShape {
  int width, depth, heads;
};

// Vision transformer (Dosovitskiy et al., arXiv:2010.11929) on patches of 16 x 16, without dropout,
// with torchvision's structure, parameter names and initialization, so that its weights can be
// imported unchanged. It learns position embeddings for 14 x 14 patches (224 x 224 pixels) and
// interpolates them for other sizes. Inputs must be at least 16 x 16; smaller ones throw
// Error(kMismatch). Pixels beyond the last whole patch are ignored.
//
// As in the reference, the last layer is initialized to zero: all logits of an untrained network
// are 0.
class VisionTransformer : public ClassifierModule {
 public:
  static constexpr int kPatch = 16;
  static constexpr int kGrid = 14;

  VisionTransformer(const VisionTransformerShape& shape, int in_planes, int classes);
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return "conv_proj.weight"; }

 private:
  torch::nn::Conv2d conv_proj_{nullptr};
  torch::Tensor class_token_, positions_;
  torch::nn::Sequential layers_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear head_{nullptr};
};

}  // namespace hepar
