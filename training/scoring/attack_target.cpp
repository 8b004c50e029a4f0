// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/attack_target.h"

#include <torch/utils.h>

namespace hepar {

AttackTarget TargetOf(SeverityNet net) {
  AttackTarget target;
  target.logits_of = [net](const torch::Tensor& pictures) mutable {
    return net->forward(pictures);
  };
  if (!net->ic1 && !net->ic2) return target;

  target.view_of = [net](const torch::Tensor& pictures) mutable -> View {
    const Decoupled parts = net->Decouple(pictures);
    return {net->Classify(SeverityNetImpl::Concatenate(parts)), {parts.specific, parts.common}};
  };
  target.hold_features = [net](const torch::Tensor& clean) mutable -> LogitsOf {
    const torch::NoGradGuard no_grad;
    return [net, held = net->Decouple(clean)](const torch::Tensor& pictures) mutable {
      return net->Classify(SeverityNetImpl::Concatenate(net->WithPlanesOf(pictures, held)));
    };
  };
  return target;
}

}  // namespace hepar
