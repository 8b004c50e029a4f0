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

// Attention in a residual block: multiplies a feature map (B, C, H, W) by weights in (0,1) computed
// from the map itself. Keeps the shape.
struct FeatureAttention : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  // Appends the same to a graph for its value `x`, under names that begin with `name`. Returns the
  // id of the result.
  virtual int Lower(GraphBuilder* graph, const std::string& name, int x) const = 0;
};

// Squeeze-and-excitation (Hu et al., arXiv:1709.01507): one weight for each channel, from the
// channel means through Linear(C, C/16), ReLU, Linear(C/16, C) and a sigmoid, without bias.
class SqueezeExcite : public FeatureAttention {
 public:
  explicit SqueezeExcite(int channels);  // At least 16.
  torch::Tensor forward(const torch::Tensor& x) override;
  int Lower(GraphBuilder* graph, const std::string& name, int x) const override;

 private:
  torch::nn::Sequential fc_;
};

// Convolutional block attention (Woo et al., arXiv:1807.06521): one weight for each channel, from
// the channel means and maxima through a shared perceptron with bias; then one weight for each
// pixel, from its maximum and mean over the channels through a 7 x 7 convolution and batch
// normalization.
class Cbam : public FeatureAttention {
 public:
  explicit Cbam(int channels);  // At least 16.
  torch::Tensor forward(const torch::Tensor& x) override;
  int Lower(GraphBuilder* graph, const std::string& name, int x) const override;

 private:
  torch::nn::Sequential channel_;
  torch::nn::Conv2d spatial_conv_{nullptr};
  BatchNorm2d spatial_bn_{nullptr};
};

}  // namespace hepar
