// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/depth_squeezenet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include <algorithm>
#include <vector>

#include "models/graph/graph_builder.h"
#include "models/nets/tensor_values.h"

namespace hepar {

namespace nn = torch::nn;

namespace {

constexpr std::size_t kSeen[] = {5, 7};  // Positions of fire4 and fire5.
constexpr int kSeenChannels = 256 + 256;
constexpr int kHalves = 2;

bool IsSeen(std::size_t position) {
  return std::find(std::begin(kSeen), std::end(kSeen), position) != std::end(kSeen);
}

// The layers up to the last one used.
nn::Sequential MakeFeatures(int in_planes) {
  const auto all = MakeSqueezeNetFeatures(SqueezeNetVersion::k1_0, in_planes);
  nn::Sequential features;
  for (std::size_t i = 0; i <= kSeen[1]; ++i) features->push_back(*(all->begin() + i));
  return features;
}

torch::Tensor Halves(const torch::Tensor& x) { return torch::adaptive_avg_pool2d(x, {kHalves, 1}); }

}  // namespace

DepthSqueezeNet::DepthSqueezeNet(int in_planes, int classes)
    : features_(register_module("features", MakeFeatures(in_planes))) {
  InitSqueezeNetConvolutions(*this);
  const int channels = kHalves * (in_planes + kSeenChannels);
  standardise_ =
      register_module("standardise", BatchNorm2d(nn::BatchNormOptions(channels).affine(false)));
  head_ = register_module("head", nn::Linear(channels, classes));
  nn::init::normal_(head_->weight, 0.0, 0.01);
  nn::init::zeros_(head_->bias);
}

torch::Tensor DepthSqueezeNet::forward(const torch::Tensor& planes) {
  std::vector<torch::Tensor> seen = {Halves(planes)};
  auto x = planes;
  for (std::size_t i = 0; i < features_->size(); ++i) {
    x = (features_->begin() + i)->forward(x);
    if (IsSeen(i)) seen.push_back(Halves(x));
  }
  const auto all = torch::cat(seen, 1).flatten(1);  // By channel: near, far.
  return head_(standardise_(all.unsqueeze(2).unsqueeze(3)).flatten(1));
}

int DepthSqueezeNet::Lower(GraphBuilder* graph, int planes) const {
  const auto halves = [graph](const std::string& name, int x) {
    return graph->Append(name, AdaptivePool{}, x, kHalves, 1);
  };
  std::vector<int> seen = {halves("classifier.halves.planes", planes)};
  int x = planes;
  for (std::size_t i = 0; i < features_->size(); ++i) {
    x = LowerSqueezeNetLayer(graph, features_, i, x);
    if (IsSeen(i)) seen.push_back(halves("classifier.halves." + std::to_string(i), x));
  }
  const int all = graph->Append("classifier.halves", Concat{}, seen);

  // Standardization and linear layer as one convolution over both halves.
  const torch::NoGradGuard no_grad;
  const auto scale = (standardise_->running_var + standardise_->options.eps()).rsqrt();
  const auto weight = head_->weight * scale;
  Convolution head;
  head.kernel_height = kHalves;
  head.weight = ValuesOf(weight);
  head.bias = ValuesOf(head_->bias - weight.matmul(standardise_->running_mean));
  return graph->Append("classifier.head", std::move(head), all);
}

}  // namespace hepar
