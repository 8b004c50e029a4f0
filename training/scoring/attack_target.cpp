// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/attack_target.h"

#include <torch/utils.h>

#include <memory>

#include "models/engine/frozen_net.h"

namespace hepar {

AttackTarget TargetOf(SeverityNet net) {
  const auto frozen = std::make_shared<FrozenNet>(net);
  AttackTarget target;
  target.logits_of = [frozen](const torch::Tensor& pictures) { return frozen->Logits(pictures); };
  if (!net->ic1 && !net->ic2) return target;

  target.view_of = [frozen](const torch::Tensor& pictures) -> View {
    const auto answer = frozen->LogitsAndFeatures(pictures);
    return {answer.logits, {answer.specific, answer.common}};
  };
  target.hold_features = [frozen](const torch::Tensor& clean) -> LogitsOf {
    const torch::NoGradGuard no_grad;
    const auto held = frozen->LogitsAndFeatures(clean);
    return [frozen, held](const torch::Tensor& pictures) {
      return frozen->LogitsWith(pictures, held.specific, held.common);
    };
  };
  return target;
}

}  // namespace hepar
