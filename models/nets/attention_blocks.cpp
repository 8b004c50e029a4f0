// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/attention_blocks.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include "models/graph/graph_builder.h"
#include "models/nets/folding.h"

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

int LowerBottleneck(GraphBuilder* graph, const std::string& name, const nn::Sequential& layers,
                    int vector, Activation last) {
  const auto append = [&](int index, Activation activation) {
    const nn::Linear linear(layers->ptr<nn::LinearImpl>(index));
    vector =
        graph->Append(name + "." + std::to_string(index), FoldLinear(linear, activation), vector);
  };
  append(0, Activation::kRelu);
  append(2, last);
  return vector;
}

int OverPixels(GraphBuilder* graph, const std::string& name, AdaptivePool::Kind kind, int x) {
  return graph->Append(name, AdaptivePool{kind}, x, 1, 1);
}

}  // namespace

SqueezeExcite::SqueezeExcite(int channels)
    : fc_(register_module("fc", Bottleneck(channels, /*bias=*/false))) {}

torch::Tensor SqueezeExcite::forward(const torch::Tensor& x) {
  const auto weights = torch::sigmoid(fc_->forward(x.mean({2, 3})));
  return x * weights.unsqueeze(-1).unsqueeze(-1);
}

int SqueezeExcite::Lower(GraphBuilder* graph, const std::string& name, int x) const {
  const int means = OverPixels(graph, name + ".means", AdaptivePool::Kind::kMean, x);
  const int weights = LowerBottleneck(graph, name + ".fc", fc_, means, Activation::kSigmoid);
  return graph->Append(name, Multiply{}, x, weights);
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

int Cbam::Lower(GraphBuilder* graph, const std::string& name, int x) const {
  const auto perceptron = [&](const char* part, AdaptivePool::Kind kind) {
    const int vector = OverPixels(graph, name + part, kind, x);
    return LowerBottleneck(graph, name + part + ".channel", channel_, vector, Activation::kNone);
  };
  const int from_means = perceptron(".means", AdaptivePool::Kind::kMean);
  const int from_maxima = perceptron(".maxima", AdaptivePool::Kind::kMax);
  const int channels =
      graph->Append(name + ".channels", Add{Activation::kSigmoid}, from_means, from_maxima);
  const int y = graph->Append(name + ".weighed", Multiply{}, x, channels);

  const int maximum = graph->Append(name + ".maximum", ChannelReduce{ChannelReduce::Kind::kMax}, y);
  const int mean = graph->Append(name + ".mean", ChannelReduce{ChannelReduce::Kind::kMean}, y);
  const int summary = graph->Append(name + ".summary", Concat{}, {maximum, mean});
  const int pixels =
      graph->Append(name + ".spatial_conv",
                    FoldConvolution(spatial_conv_, spatial_bn_, Activation::kSigmoid), summary);
  return graph->Append(name, Multiply{}, y, pixels);
}

}  // namespace hepar
