// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/batch_norm.h"
#include "models/nets/classifier.h"
#include "models/nets/squeezenet_features.h"

namespace hepar {

// A linear classifier on what the first half of SqueezeNet 1.0 sees near the probe and far from it.
//
// Fat scatters and swallows the beam: the near field becomes bright and fine-grained, the far field
// dark, so a liver's grade shows in the texture of both and in what differs between them. fire4 and
// fire5 (positions 5 and 7 of torchvision's features) tell textures; later layers tell objects, of
// which a scan has few, and a mean over the whole picture forgets the depth. So the input planes
// and the results of fire4 and fire5 are averaged over the upper and over the lower half of the
// picture, standardised by their running mean and variance, and weighed by one linear layer. With
// ImageNet weights that do not learn (--weights, --freeze-weights) some thousand numbers are left
// to fit, which suits some dozens of patients. Needs inputs of 21 x 21 at least.
class DepthSqueezeNet : public ClassifierModule {
 public:
  DepthSqueezeNet(int in_planes, int classes);
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return "features.0.weight"; }
  int Lower(GraphBuilder* graph, int planes) const override;

 private:
  torch::nn::Sequential features_;
  BatchNorm2d standardise_{nullptr};  // Of (B, 2 channels, 1, 1); learns nothing but statistics.
  torch::nn::Linear head_{nullptr};
};

}  // namespace hepar
