// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/objective.h"

namespace hepar {

DecouplerLosses ComputeDecouplerLosses(const JointObjectiveOptions& options,
                                       const Decoupled& decoupled, const torch::Tensor& labels) {
  const auto none = torch::zeros({}, decoupled.planes.options());
  const auto common = decoupled.reconstruction.defined()
                          ? ReconstructionLoss(decoupled.reconstruction, decoupled.planes,
                                               options.xi, options.edge_filter)
                          : none;
  const auto specific =
      decoupled.auxiliary_logits.defined()
          ? AuxiliaryLoss(decoupled.auxiliary_logits, labels, options.auxiliary_target)
          : none;
  return {common, specific, options.lambda1 * common + options.lambda2 * specific};
}

torch::Tensor ClassifierInput(const JointObjectiveOptions& options, const Decoupled& decoupled) {
  if (!options.detach_features) return SeverityNetImpl::Concatenate(decoupled);
  Decoupled detached = decoupled;
  if (detached.specific.defined()) detached.specific = detached.specific.detach();
  if (detached.common.defined()) detached.common = detached.common.detach();
  return SeverityNetImpl::Concatenate(detached);
}

torch::Tensor ComputeSeverityLosses(const JointObjectiveOptions& options,
                                    const torch::Tensor& logits, const Batch& batch) {
  if (options.soft_grades == 0.0) {
    return SeverityLosses(logits, batch.labels, options.label_smoothing);
  }
  const auto targets = SoftGrades(batch.labels, batch.severities.to(logits.scalar_type()),
                                  static_cast<int>(logits.size(1)), options.soft_grades);
  return SoftSeverityLosses(logits, targets, options.label_smoothing);
}

JointObjective::JointObjective(const JointObjectiveOptions& options) : options_(options) {
  if (!options.class_weights.empty()) {
    class_weights_ = torch::tensor(options.class_weights, torch::kFloat32);
  }
}

std::vector<std::string> JointObjective::TermNames() const {
  return {"loss", "reconstruction_loss", "auxiliary_loss", "severity_loss"};
}

Losses JointObjective::Compute(SeverityNet net, const Batch& batch) {
  const Decoupled decoupled = net->Decouple(batch.pictures);
  const auto logits = net->Classify(ClassifierInput(options_, decoupled));

  const auto decouplers = ComputeDecouplerLosses(options_, decoupled, batch.labels);
  const auto severity =
      WeightedMean(ComputeSeverityLosses(options_, logits, batch), batch.labels, class_weights_);
  const auto total = decouplers.weighted + options_.lambda3 * severity;
  return {total,
          torch::stack({total, decouplers.reconstruction, decouplers.auxiliary, severity}).detach(),
          logits.detach()};
}

}  // namespace hepar
