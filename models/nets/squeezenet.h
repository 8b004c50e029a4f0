// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/classifier.h"
#include "models/nets/squeezenet_features.h"

namespace hepar {

// SqueezeNet (Iandola et al., arXiv:1602.07360) with torchvision's parameter names, so that its
// weights can be imported unchanged. Inputs must be at least 17 x 17 (1.1) or 21 x 21 (1.0).
//
// The original has a ReLU after the last convolution, which can leave all logits at zero without a
// gradient. It is off unless `final_relu` is set.
class SqueezeNet : public ClassifierModule {
 public:
  SqueezeNet(SqueezeNetVersion version, int in_planes, int classes, bool final_relu);
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return "features.0.weight"; }
  int Lower(GraphBuilder* graph, int planes) const override;

 private:
  bool final_relu_;
  torch::nn::Sequential features_, classifier_;
};

// Number of samples in (B, K) `logits` whose logits are all exactly zero, which indicates a dead
// final ReLU.
int64_t CountDeadSamples(const torch::Tensor& logits);

}  // namespace hepar
