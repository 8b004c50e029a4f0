// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>

#include "models/graph/graph.h"
#include "models/nets/architecture.h"
#include "models/nets/classifier.h"
#include "models/nets/icfdnet.h"

namespace hepar {

// The outputs of the decouplers for a batch: (B, ., H, W) in [0,1], except for the logits. Outputs
// of an absent decoupler are undefined tensors.
struct Decoupled {
  torch::Tensor planes;            // Y_c: the selected planes.
  torch::Tensor specific;          // Feat1.
  torch::Tensor auxiliary_logits;  // pred of IC1, (B, classes).
  torch::Tensor common;            // Feat2.
  torch::Tensor reconstruction;    // x^ of IC2.
};

// The joint network (paper, algorithm 1): picture -> planes -> {IC1, IC2} -> classifier on
// x_c = [Feat1, Feat2, Y_c], N = 2 F + C planes; fewer where a decoupler is absent. Normalization
// is part of the network, after the [0,1] input, so that attack budgets are in pixel units.
struct SeverityNetImpl : torch::nn::Module {
  explicit SeverityNetImpl(const Architecture& architecture);

  // Everything before the classifier, for a picture (B, 1 or 3, H, W) in [0,1].
  Decoupled Decouple(const torch::Tensor& picture);
  // `features` with the planes replaced by those of another picture.
  Decoupled WithPlanesOf(const torch::Tensor& picture, Decoupled features) const;
  // x_c before normalization: (B, N, H, W).
  static torch::Tensor Concatenate(const Decoupled& decoupled);
  // Logits (B, classes) of x_c.
  torch::Tensor Classify(const torch::Tensor& concatenated);
  // The logits of a picture.
  torch::Tensor forward(const torch::Tensor& picture);

  // The inference graph of the network in evaluation mode, for pictures of height x width pixels
  // with `picture_channels` channels: 1 or 3, as SelectPlanes() takes them. Where the classifier
  // has no lowering (ClassifierModule::Lower), the graph ends with the decouplers. Its results are
  // those of Decouple() and Classify() to within the rounding of 32-bit arithmetic. Throws
  // Error(kMismatch) for a size that the network cannot run at.
  Graph Lower(int picture_channels, int height, int width) const;

  Architecture architecture;
  SpecificDecoupler ic1{nullptr};  // Empty where the architecture has none, as is ic2.
  CommonDecoupler ic2{nullptr};
  std::shared_ptr<ClassifierModule> classifier;

 private:
  void LowerClassifier(GraphBuilder* graph) const;
};
TORCH_MODULE(SeverityNet);

// N: the number of input planes of the classifier: F for each decoupler, and C.
int ClassifierPlanes(const Architecture& architecture);

}  // namespace hepar
