// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/attacks/attack.h"

namespace hepar {

struct ApgdOptions {
  enum class Loss {
    kCrossEntropy,
    kDlr,          // Needs 3 classes.
    kTargetedDlr,  // One run toward each class but the sample's own, the likeliest on the clean
                   // picture first: 3 runs for 4 classes. Needs 4 classes.
  };
  Loss loss = Loss::kCrossEntropy;
  int steps = 100;   // Of each run.
  int restarts = 1;  // Runs, each from a random start within the budget; of each target.
};

// Auto-PGD (Croce and Hein, arXiv:2003.01690, algorithm 1): gradient steps with momentum 0.75 whose
// size starts at twice the budget and, for each sample by itself, halves at checkpoints where the
// loss oscillated (rose in fewer than 0.75 of the steps) or stood still; there the run goes on from
// its best point. Nothing needs tuning. The model must be in AttackGuard's state.
//
// Returns pictures (B, C, H, W), detached: of each sample the one, of all that were visited, that
// the classifier got most wrong. Those of budget 0 come back bit for bit. Later runs are left out
// when all samples are fooled. Costs steps + 1 forward and `steps` backward passes for each run.
//
// Throws Error(kInvalid) for options out of range, Error(kUnsupported) for a loss that needs more
// classes, and as GradientAt().
torch::Tensor Apgd(const LogitsOf& logits_of, const AttackInput& input,
                   const ApgdOptions& options = {});

// The steps, ascending and below `steps`, after which a run looks back: 0.22 of them, then ever
// shorter windows down to 0.06.
std::vector<int> ApgdCheckpoints(int steps);

}  // namespace hepar
