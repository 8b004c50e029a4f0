// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/attention_blocks.h"

namespace hepar {

namespace nn = torch::nn;

namespace {

constexpr int kReduction = 16;  // Of both papers.

nn::Sequential Bottleneck(int channels, bool bias) {
  TORCH_CHECK(channels >= kReduction, "attention needs ", kReduction, " channels, got ", channels);
  const int reduced = channels / kReduction;
  return nn::Sequential(nn::Linear(nn::LinearOptions(channels, reduced).bias(bias)), nn::ReLU(),
                        nn::Linear(nn::LinearOptions(reduced, channels).bias(bias)));
}

}  // namespace

SqueezeExcite::SqueezeExcite(int channels)
    : fc_(register_module("fc", Bottleneck(channels, /*bias=*/false))) {}

torch::Tensor SqueezeExcite::forward(const torch::Tensor& x) {
  const auto weights = torch::sigmoid(fc_->forward(x.mean({2, 3})));
  return x * weights.unsqueeze(-1).unsqueeze(-1);
}

Cbam::Cbam(int channels)
    : channel_(register_module("channel", Bottleneck(channels, /*bias=*/true))),
      spatial_conv_(register_module("spatial_conv",
                                    nn::Conv2d(nn::Conv2dOptions(2, 1, 7).padding(3).bias(false)))),
      spatial_bn_(
          register_module("spatial_bn", BatchNorm2d(nn::BatchNorm2dOptions(1).momentum(0.01)))) {}

torch::Tensor Cbam::forward(const torch::Tensor& x) {
  const auto channels =
      torch::sigmoid(channel_->forward(x.mean({2, 3})) + channel_->forward(x.amax({2, 3})));
  const auto y = x * channels.unsqueeze(-1).unsqueeze(-1);
  const auto summary = torch::cat({y.amax(1, true), y.mean(1, true)}, 1);
  return y * torch::sigmoid(spatial_bn_(spatial_conv_(summary)));
}

}  // namespace hepar
