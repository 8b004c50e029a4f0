// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/fgsm.h"

#include <torch/utils.h>

#include "training/attacks/attack_losses.h"
#include "training/attacks/noise.h"
#include "training/attacks/picture_gradient.h"

namespace hepar {

torch::Tensor Fgsm(const LogitsOf& logits_of, const AttackInput& input,
                   const FgsmOptions& options) {
  CheckAttackInput(input);
  torch::NoGradGuard no_grad;
  const Budget budget(input.pictures, input.epsilon);
  SampleRandom random(input.seeds);
  const auto start = options.random_start ? UniformStart(budget, random) : budget.pictures();
  const double step = options.random_start ? 1.25 : 1.0;
  const auto at_start = GradientAt(start, logits_of, [&](const torch::Tensor& logits) {
    return CrossEntropyLosses(logits, input.labels);
  });
  return budget.Clip(start.addcmul(at_start.gradient.sign(), budget.epsilon(), step));
}

}  // namespace hepar
