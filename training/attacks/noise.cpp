// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/noise.h"

#include <torch/utils.h>

#include <string>

#include "models/error.h"
#include "training/attacks/strongest.h"

namespace hepar {
namespace {

// TRADES' (arXiv:1901.08573): enough to leave the flat spot of KL at the picture itself.
constexpr double kGaussianScale = 1e-3;

torch::Tensor Draw(NoiseOptions::Kind kind, const Budget& budget, SampleRandom& random) {
  if (kind == NoiseOptions::Kind::kUniform) return UniformStart(budget, random);
  const auto& x = budget.pictures();
  const auto signs = random.Signs(x, x.size(1), x.size(2), x.size(3));
  return budget.Clip(signs * budget.epsilon() + x);
}

}  // namespace

torch::Tensor UniformStart(const Budget& budget, SampleRandom& random) {
  return budget.Clip(random.Uniform(budget.pictures()) * budget.epsilon() + budget.pictures());
}

torch::Tensor GaussianStart(const Budget& budget, SampleRandom& random) {
  return budget.Clip(random.Normal(budget.pictures()) * kGaussianScale + budget.pictures());
}

torch::Tensor Noise(const LogitsOf& logits_of, const AttackInput& input,
                    const NoiseOptions& options) {
  CheckAttackInput(input);
  if (options.trials < 1) {
    throw Error(ErrorKind::kInvalid,
                "noise: expected at least 1 trial; got " + std::to_string(options.trials));
  }
  torch::NoGradGuard no_grad;
  const Budget budget(input.pictures, input.epsilon);
  SampleRandom random(input.seeds);
  if (options.trials == 1) return Draw(options.kind, budget, random);

  Strongest strongest(input.labels);
  for (int trial = 0; trial < options.trials; ++trial) {
    const auto x = Draw(options.kind, budget, random);
    strongest.Offer(x, logits_of(x));
    if (strongest.Settle()) break;
  }
  return strongest.pictures();
}

}  // namespace hepar
