// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/procedure/objective.h"

#include "training/procedure/losses.h"

namespace hepar {

JointObjective::JointObjective(const JointObjectiveOptions& options) : options_(options) {
  if (!options.class_weights.empty()) {
    class_weights_ = torch::tensor(options.class_weights, torch::kFloat32);
  }
}

std::vector<std::string> JointObjective::TermNames() const {
  return {"loss", "reconstruction_loss", "auxiliary_loss", "severity_loss"};
}

Losses JointObjective::Compute(SeverityNet net, const torch::Tensor& pictures,
                               const torch::Tensor& labels) {
  if (class_weights_.defined()) class_weights_ = class_weights_.to(pictures.device());

  const Decoupled decoupled = net->Decouple(pictures);
  const auto logits = net->Classify(SeverityNetImpl::Concatenate(decoupled));

  const auto common = ReconstructionLoss(decoupled.reconstruction, decoupled.planes, options_.xi);
  const auto specific = AuxiliaryLoss(decoupled.auxiliary_logits, labels);
  const auto severity = SeverityLoss(logits, labels, class_weights_, options_.label_smoothing);
  const auto total =
      options_.lambda1 * common + options_.lambda2 * specific + options_.lambda3 * severity;
  return {total, torch::stack({total, common, specific, severity}).detach(), logits.detach()};
}

}  // namespace hepar
