// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "models/nets/architecture.h"

namespace hepar {

// A severity classifier: (B, N, H, W) normalised planes -> (B, classes) logits. Anything that
// implements this plugs in behind the decouplers.
struct ClassifierModule : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& planes) = 0;

  // Path of the first convolution's weight in the module tree, whose input channels are adapted
  // when weights made for RGB are imported. Empty: the classifier has none.
  virtual std::string first_weight() const = 0;
};

// Names for Architecture::classifier.
std::vector<std::string> ClassifierNames();

// Makes the classifier that `architecture` names, for N = `in_planes` input planes, with fresh
// weights. Throws Error(kInvalid), listing the names, for an unknown one.
std::shared_ptr<ClassifierModule> MakeClassifier(const Architecture& architecture, int in_planes);

}  // namespace hepar
