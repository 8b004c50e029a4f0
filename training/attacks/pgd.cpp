// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/pgd.h"

#include <torch/utils.h>

#include <string>

#include "models/error.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/noise.h"
#include "training/attacks/picture_gradient.h"

namespace hepar {
namespace {

// New memory, which Ascend() then works in.
torch::Tensor MakeStart(PgdOptions::Start start, const Budget& budget, SampleRandom& random) {
  switch (start) {
    case PgdOptions::Start::kGaussian:
      return GaussianStart(budget, random);
    case PgdOptions::Start::kUniform:
      return UniformStart(budget, random);
    case PgdOptions::Start::kPictures:
      break;
  }
  return budget.pictures().clone();
}

}  // namespace

void CheckPgdOptions(const PgdOptions& options) {
  if (options.steps < 1 || options.restarts < 1) {
    throw Error(ErrorKind::kInvalid, "pgd: expected at least 1 step and 1 restart; got " +
                                         std::to_string(options.steps) + " and " +
                                         std::to_string(options.restarts));
  }
  if (options.first_restart < 0) {
    throw Error(ErrorKind::kInvalid, "pgd: expected a first restart of 0 or more; got " +
                                         std::to_string(options.first_restart));
  }
  if (options.restarts > 1 && options.start == PgdOptions::Start::kPictures) {
    throw Error(ErrorKind::kInvalid,
                "pgd: restarts from the picture itself are all the same; choose a random start "
                "(uniform, gaussian) or 1 restart");
  }
  if (!(options.step_size >= 0)) {
    throw Error(ErrorKind::kInvalid, "pgd: expected a step size >= 0 (0: a quarter of the budget)");
  }
}

LossesOf PgdLosses(PgdOptions::Loss loss, const LogitsOf& logits_of, const AttackInput& input,
                   const torch::Tensor& clean_logits) {
  if (loss == PgdOptions::Loss::kCrossEntropy) {
    return [labels = input.labels](const torch::Tensor& logits) {
      return CrossEntropyLosses(logits, labels);
    };
  }
  const auto clean = clean_logits.defined() ? clean_logits : logits_of(input.pictures);
  return
      [clean = clean.detach()](const torch::Tensor& logits) { return KlDivergence(clean, logits); };
}

torch::Tensor Ascend(const PictureLossesOf& losses_of, const LogitsOf& logits_of,
                     const LossesOf& rank_of, const AttackInput& input, const PgdOptions& options) {
  torch::NoGradGuard no_grad;
  const Budget budget(input.pictures, input.epsilon);
  const auto step = options.step_size > 0 ? torch::full_like(budget.epsilon(), options.step_size)
                                          : budget.epsilon() / 4;
  SampleRandom random(input.seeds);

  for (int i = 0; i < options.first_restart; ++i) MakeStart(options.start, budget, random);
  torch::Tensor strongest, highest, fooled;
  for (int restart = 0; restart < options.restarts; ++restart) {
    auto x = MakeStart(options.start, budget, random);
    for (int i = 0; i < options.steps; ++i) {
      x.addcmul_(GradientOf(losses_of, x).sign(), step);
      budget.Clip(x);
    }
    if (options.restarts == 1) return x;

    const auto logits = logits_of(x);
    const auto rank = rank_of(logits);
    const auto fools = options.loss == PgdOptions::Loss::kCrossEntropy
                           ? logits.argmax(1) != input.labels
                           : torch::zeros_like(rank, torch::kBool);
    if (restart == 0) {
      strongest = x;
      highest = rank;
      fooled = fools;
    } else {
      const auto better = torch::where(fools == fooled, rank > highest, fools);
      strongest = torch::where(PerPicture(better), x, strongest);
      highest = torch::where(better, rank, highest);
      fooled = fooled.logical_or(fools);
    }
  }
  return strongest;
}

torch::Tensor Pgd(const LogitsOf& logits_of, const AttackInput& input, const PgdOptions& options,
                  const torch::Tensor& clean_logits) {
  CheckAttackInput(input);
  CheckPgdOptions(options);
  torch::NoGradGuard no_grad;
  const auto of_logits = PgdLosses(options.loss, logits_of, input, clean_logits);
  return Ascend([&](const torch::Tensor& x) { return of_logits(logits_of(x)); }, logits_of,
                of_logits, input, options);
}

}  // namespace hepar
