// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <string>

#include "models/nets/architecture.h"
#include "models/nets/blocks.h"
#include "models/nets/ic_block.h"

namespace hepar {

// The features of an ICFDNet before its heads.
struct IcfdFeatures {
  torch::Tensor decoded;  // D1: (B, widths[0], H/stem, W/stem).
  torch::Tensor bottom;   // E4: (B, widths[3], ...).
};

// The same as values of a graph.
struct LoweredIcfdFeatures {
  int decoded, bottom;
};

// The U-shaped trunk of Iterative Compression Feature Decoupling (paper, section 2.1, figure 3): a
// stem, four encoder stages with 2x2 max pooling between them, and three decoder stages with
// bilinear up-sampling and skips. Each stage is an IcBlock. Both decouplers use it; they differ in
// their heads.
struct IcfdTrunkImpl : torch::nn::Module {
  IcfdTrunkImpl(int in_planes, const DecouplerShape& shape,
                DecouplerSkips skips = DecouplerSkips::kAll);
  IcfdFeatures forward(const torch::Tensor& planes);
  LoweredIcfdFeatures Lower(GraphBuilder* graph, const std::string& name, int planes) const;

  DecouplerSkips skips;
  ConvBnRelu stem{nullptr};
  IcBlock e1{nullptr}, e2{nullptr}, e3{nullptr}, e4{nullptr};
  IcBlock d3{nullptr}, d2{nullptr}, d1{nullptr};
};
TORCH_MODULE(IcfdTrunk);

// IC1, the decoupler of specific features, supervised by the label.
struct SpecificOutput {
  torch::Tensor features;  // Feat1: (B, F, H, W), in (0,1).
  torch::Tensor logits;    // pred: (B, classes), for the loss L_s.
};

// The same as values of a graph.
struct LoweredSpecificOutput {
  int features, logits;
};

struct SpecificDecouplerImpl : torch::nn::Module {
  explicit SpecificDecouplerImpl(const Architecture& architecture);
  SpecificOutput forward(const torch::Tensor& planes);
  LoweredSpecificOutput Lower(GraphBuilder* graph, const std::string& name, int planes) const;

  IcfdTrunk trunk{nullptr};
  torch::nn::Conv2d feature_head{nullptr};
  // On [mean(D1), mean(E4)], so that L_s also trains the decoder, which produces Feat1.
  torch::nn::Linear auxiliary{nullptr};
};
TORCH_MODULE(SpecificDecoupler);

// IC2, the decoupler of common features, supervised by reconstruction.
struct CommonOutput {
  torch::Tensor features;        // Feat2: (B, F, H, W), in (0,1).
  torch::Tensor reconstruction;  // x^: of the planes' shape, in (0,1), for the loss L_c.
};

// The same as values of a graph.
struct LoweredCommonOutput {
  int features, reconstruction;
};

struct CommonDecouplerImpl : torch::nn::Module {
  explicit CommonDecouplerImpl(const Architecture& architecture);
  CommonOutput forward(const torch::Tensor& planes);
  LoweredCommonOutput Lower(GraphBuilder* graph, const std::string& name, int planes) const;

  IcfdTrunk trunk{nullptr};
  // Separate 1x1 convolutions, so that Feat2 is not the reconstruction itself.
  torch::nn::Conv2d feature_head{nullptr}, reconstruction_head{nullptr};
};
TORCH_MODULE(CommonDecoupler);

}  // namespace hepar
