// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/random_net.h"

#include <torch/nn/modules/normalization.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <string>

namespace hepar::testing {

Architecture ArchitectureOf(const std::string& size, const std::string& classifier) {
  Architecture a;
  a.size = size;
  a.decoupler = DecouplerShapeOf(size);
  a.classifier = classifier;
  return a;
}

SeverityNet RandomNet(const Architecture& architecture, unsigned seed) {
  torch::manual_seed(seed);
  SeverityNet net(architecture);
  const torch::NoGradGuard no_grad;
  for (const auto& item : net->named_modules()) {
    const std::string& name = item.key();
    const auto& module = item.value();
    if (auto* norm = module->as<BatchNorm2d>()) {
      // Such that signals neither vanish nor grow from block to block.
      const bool residual = name.rfind("classifier.", 0) == 0;
      norm->running_mean.normal_(0.0, 0.1);
      norm->running_var.uniform_(residual ? 0.8 : 0.05, residual ? 1.2 : 0.3);
      if (!norm->weight.defined()) continue;
      norm->weight.uniform_(residual ? 0.2 : 0.6, residual ? 0.5 : 1.2);
      norm->bias.normal_(0.0, 0.1);
    } else if (auto* layer_norm = module->as<torch::nn::LayerNorm>()) {
      layer_norm->weight.uniform_(0.5, 1.5);
      layer_norm->bias.normal_(0.0, 0.2);
    }
  }
  net->eval();
  return net;
}

}  // namespace hepar::testing
