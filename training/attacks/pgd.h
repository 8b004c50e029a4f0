// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"
#include "training/attacks/picture_gradient.h"

namespace hepar {

struct PgdOptions {
  enum class Loss {
    kKl,            // KL(p(f(x)) || p(f(x'))): the inner maximization of the paper's algorithm 1.
    kCrossEntropy,  // CE(f(x'), y).
  };
  enum class Start {
    kGaussian,  // x + 1e-3 n, projected: at x itself the gradient of KL vanishes.
    kUniform,   // Anywhere within the budget.
    kPictures,  // x itself.
  };
  Loss loss = Loss::kKl;
  Start start = Start::kGaussian;
  int steps = 10;
  int restarts = 1;        // Each sample keeps its restart of highest loss; with kCrossEntropy, if
                           // any changes the answer to a wrong one, the highest of those.
  int first_restart = 0;   // Starts that are passed over: one restart by itself begins where it
                           // would begin after that many others.
  double step_size = 0.0;  // In units of the input; 0: a quarter of each sample's budget.
};

// Projected gradient descent (Madry et al., arXiv:1706.06083; KL as in TRADES, arXiv:1901.08573):
// x' <- project(x' + step sign(grad)). The model must be in AttackGuard's state. Returns pictures
// (B, C, H, W), detached; those of budget 0 come back bit for bit. `clean_logits` (B, K) saves a
// forward pass where the caller has them in that state.
//
// One forward and one backward pass for each step; one more forward for each restart where there
// are several, and one for KL without `clean_logits`. The noise of a start is the first thing that
// SampleRandom draws for a sample, and of a restart the next.
//
// Throws Error(kInvalid) for options out of range, and as GradientAt().
torch::Tensor Pgd(const LogitsOf& logits_of, const AttackInput& input, const PgdOptions& options,
                  const torch::Tensor& clean_logits = {});

// The parts of Pgd(), for attacks that step the same way along another gradient.
//
// Throws Error(kInvalid) for options out of range.
void CheckPgdOptions(const PgdOptions& options);

// The loss of the logits that `loss` names. KL evaluates `logits_of` once on the clean pictures
// unless `clean_logits` holds their logits.
LossesOf PgdLosses(PgdOptions::Loss loss, const LogitsOf& logits_of, const AttackInput& input,
                   const torch::Tensor& clean_logits = {});

// Steps along the gradient of `losses_of`. Of several restarts each sample keeps one as PgdOptions
// says, with `rank_of` of the logits as its loss. Input and options must have been checked.
torch::Tensor Ascend(const PictureLossesOf& losses_of, const LogitsOf& logits_of,
                     const LossesOf& rank_of, const AttackInput& input, const PgdOptions& options);

}  // namespace hepar
