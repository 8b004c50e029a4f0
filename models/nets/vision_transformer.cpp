// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/vision_transformer.h"

#include <torch/nn/functional/linear.h>
#include <torch/nn/functional/upsampling.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>

#include <cmath>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

namespace {

nn::LayerNorm Norm(int width) { return nn::LayerNorm(nn::LayerNormOptions({width}).eps(1e-6)); }

struct EncoderLayerImpl : nn::Module {
  EncoderLayerImpl(int width, int heads)
      : ln_1(register_module("ln_1", Norm(width))),
        self_attention(register_module("self_attention", TokenAttention(width, heads))),
        ln_2(register_module("ln_2", Norm(width))) {
    // torchvision has dropout at position 2; positions are part of the parameter names.
    nn::Linear first(width, 4 * width), second(4 * width, width);
    mlp = register_module("mlp", nn::Sequential(first, nn::GELU(), nn::Identity(), second));
    for (auto& linear : {first, second}) {
      nn::init::xavier_uniform_(linear->weight);
      nn::init::normal_(linear->bias, 0.0, 1e-6);
    }
  }

  torch::Tensor forward(const torch::Tensor& tokens) {
    const auto x = tokens + self_attention(ln_1(tokens));
    return x + mlp->forward(ln_2(x));
  }

  nn::LayerNorm ln_1{nullptr};
  TokenAttention self_attention{nullptr};
  nn::LayerNorm ln_2{nullptr};
  nn::Sequential mlp{nullptr};
};
TORCH_MODULE(EncoderLayer);

}  // namespace

TokenAttentionImpl::TokenAttentionImpl(int width, int heads)
    : heads(heads),
      in_proj_weight(register_parameter("in_proj_weight", torch::empty({3 * width, width}))),
      in_proj_bias(register_parameter("in_proj_bias", torch::zeros({3 * width}))),
      out_proj(register_module("out_proj", nn::Linear(width, width))) {
  TORCH_CHECK(width % heads == 0, "attention width ", width, " is not a multiple of ", heads,
              " heads");
  nn::init::xavier_uniform_(in_proj_weight);
  nn::init::zeros_(out_proj->bias);
}

torch::Tensor TokenAttentionImpl::forward(const torch::Tensor& tokens) {
  const auto batch = tokens.size(0), count = tokens.size(1), width = tokens.size(2);
  const auto head_width = width / heads;
  const auto projected = F::linear(tokens, in_proj_weight, in_proj_bias)
                             .view({batch, count, 3, heads, head_width})
                             .permute({2, 0, 3, 1, 4});  // 3, B, h, T, D/h
  const auto q = projected[0], k = projected[1], v = projected[2];
  const auto weights = torch::softmax(
      torch::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(head_width)), -1);
  return out_proj(torch::matmul(weights, v).transpose(1, 2).reshape({batch, count, width}));
}

torch::Tensor ResizePositions(const torch::Tensor& positions, int64_t rows, int64_t columns) {
  const auto patches = positions.size(1) - 1, width = positions.size(2);
  const auto side = std::llround(std::sqrt(static_cast<double>(patches)));
  TORCH_CHECK(side * side == patches, patches, " position embeddings do not form a square grid");
  if (rows == side && columns == side) return positions;
  // In fp32, because the CPU has no bicubic interpolation in half precision.
  const auto grid = positions.narrow(1, 1, patches)
                        .transpose(1, 2)
                        .reshape({1, width, side, side})
                        .to(torch::kFloat32);
  const auto resized = F::interpolate(grid, F::InterpolateFuncOptions()
                                                .size(std::vector<int64_t>{rows, columns})
                                                .mode(torch::kBicubic)
                                                .align_corners(false));
  return torch::cat(
      {positions.narrow(1, 0, 1), resized.flatten(2).transpose(1, 2).to(positions.scalar_type())},
      1);
}

VisionTransformer::VisionTransformer(const VisionTransformerShape& shape, int in_planes,
                                     int classes)
    : conv_proj_(nn::Conv2dOptions(in_planes, shape.width, kPatch).stride(kPatch)),
      class_token_(register_parameter("class_token", torch::zeros({1, 1, shape.width}))),
      norm_(Norm(shape.width)),
      head_(shape.width, classes) {
  register_module("conv_proj", conv_proj_);
  auto encoder = register_module("encoder", std::make_shared<nn::Module>("encoder"));
  positions_ = encoder->register_parameter(
      "pos_embedding", torch::empty({1, 1 + kGrid * kGrid, shape.width}).normal_(0.0, 0.02));
  layers_ = encoder->register_module("layers", nn::Sequential());
  for (int i = 0; i < shape.depth; ++i) {
    layers_->push_back("encoder_layer_" + std::to_string(i),
                       EncoderLayer(shape.width, shape.heads));
  }
  encoder->register_module("ln", norm_);
  register_module("heads", std::make_shared<nn::Module>("heads"))->register_module("head", head_);

  // The reference truncates this normal distribution at +-2, dozens of deviations away.
  nn::init::normal_(conv_proj_->weight, 0.0, std::sqrt(1.0 / (in_planes * kPatch * kPatch)));
  nn::init::zeros_(conv_proj_->bias);
  nn::init::zeros_(head_->weight);
  nn::init::zeros_(head_->bias);
}

torch::Tensor VisionTransformer::forward(const torch::Tensor& planes) {
  if (planes.size(2) < kPatch || planes.size(3) < kPatch) {
    throw Error(ErrorKind::kMismatch,
                "a vision transformer needs pictures of at least 16x16 pixels, got " +
                    std::to_string(planes.size(3)) + "x" + std::to_string(planes.size(2)));
  }
  const auto patches = conv_proj_(planes);
  const auto tokens =
      torch::cat(
          {class_token_.expand({planes.size(0), -1, -1}), patches.flatten(2).transpose(1, 2)}, 1) +
      ResizePositions(positions_, patches.size(2), patches.size(3));
  return head_(norm_(layers_->forward(tokens).select(1, 0)));
}

}  // namespace hepar
