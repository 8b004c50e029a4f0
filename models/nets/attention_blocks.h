// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <string>

#include "models/nets/batch_norm.h"

namespace hepar {

class GraphBuilder;

// Attention inside a residual block: weighs a feature map (B, C, H, W) by numbers in (0,1) that it
// computes from the map itself. The shape stays.
struct FeatureAttention : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  // Appends the same to a graph, for its value `x`, with names that begin with `name`.
  virtual int Lower(GraphBuilder* graph, const std::string& name, int x) const = 0;
};

// Squeeze-and-excitation (Hu et al., arXiv:1709.01507): one weight for each channel, from the
// channels' means through Linear(C, C/16), ReLU, Linear(C/16, C) and a sigmoid, without bias.
class SqueezeExcite : public FeatureAttention {
 public:
  explicit SqueezeExcite(int channels);  // 16 at least.
  torch::Tensor forward(const torch::Tensor& x) override;
  int Lower(GraphBuilder* graph, const std::string& name, int x) const override;

 private:
  torch::nn::Sequential fc_;
};

// Convolutional block attention (Woo et al., arXiv:1807.06521): first one weight for each channel,
// from the channels' means and maxima through one shared perceptron with bias; then one weight for
// each pixel, from its maximum and mean over the channels through a 7 x 7 convolution and batch
// normalisation.
class Cbam : public FeatureAttention {
 public:
  explicit Cbam(int channels);  // 16 at least.
  torch::Tensor forward(const torch::Tensor& x) override;
  int Lower(GraphBuilder* graph, const std::string& name, int x) const override;

 private:
  torch::nn::Sequential channel_;
  torch::nn::Conv2d spatial_conv_{nullptr};
  BatchNorm2d spatial_bn_{nullptr};
};

}  // namespace hepar
