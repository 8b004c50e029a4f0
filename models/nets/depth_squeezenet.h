// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/batch_norm.h"
#include "models/nets/classifier.h"
#include "models/nets/squeezenet_features.h"

namespace hepar {

// A linear classifier on features of the first half of SqueezeNet 1.0 near the probe and far from
// it.
//
// Fat scatters and attenuates the beam: the near field becomes bright and fine-grained, the far
// field dark. The grade of a liver therefore shows in the texture of both and in their difference.
// fire4 and fire5 (positions 5 and 7 of torchvision's features) describe textures; later layers
// describe objects, of which a scan has few, and a mean over the whole picture discards depth. So
// the input planes and the outputs of fire4 and fire5 are averaged over the upper and the lower
// half of the picture, standardized by their running mean and variance, and classified by one
// linear layer. With frozen ImageNet weights (--weights, --freeze-weights) a few thousand
// parameters remain to fit, which suits a few dozen patients. Inputs must be at least 21 x 21.
class DepthSqueezeNet : public ClassifierModule {
 public:
  DepthSqueezeNet(int in_planes, int classes);
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return "features.0.weight"; }
  int Lower(GraphBuilder* graph, int planes) const override;

 private:
  torch::nn::Sequential features_;
  BatchNorm2d standardise_{nullptr};  // Of (B, 2 channels, 1, 1); without learned parameters.
  torch::nn::Linear head_{nullptr};
};

}  // namespace hepar
