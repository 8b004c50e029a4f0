// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/batch_norm.h"
#include "models/nets/classifier.h"

namespace hepar {

enum class ResNetDepth { k18, k50 };

// The attention on the residual of each block, after its last batch normalization and before the
// addition.
enum class ResNetAttention { kNone, kSqueezeExcite, kCbam };

// Residual network (He et al., arXiv:1512.03385) with torchvision's structure (the stride of a
// bottleneck is in its 3 x 3 convolution), parameter names and initialization, so that its weights
// can be imported unchanged. Attention adds parameters under `se` or `cbam` in each block; the
// others keep their names. Runs at any input size.
class ResNet : public ClassifierModule {
 public:
  ResNet(ResNetDepth depth, ResNetAttention attention, int in_planes, int classes);
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return "conv1.weight"; }
  int Lower(GraphBuilder* graph, int planes) const override;

 private:
  torch::nn::Conv2d conv1_{nullptr};
  BatchNorm2d bn1_{nullptr};
  torch::nn::Sequential layer1_{nullptr}, layer2_{nullptr}, layer3_{nullptr}, layer4_{nullptr};
  torch::nn::Linear fc_{nullptr};
};

}  // namespace hepar
