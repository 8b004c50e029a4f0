// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"
#include "training/attacks/budget.h"
#include "training/attacks/sample_random.h"

namespace hepar {

// Random pictures within the budget, the weakest of attacks: one that does no better than this is
// broken.
struct NoiseOptions {
  enum class Kind {
    kUniform,  // Every value anywhere within its bounds.
    kCorners,  // Every value at one of its bounds: the strongest change that is blind.
  };
  Kind kind = Kind::kUniform;
  int trials = 1;  // Of several each sample keeps the one that the classifier gets most wrong.
};

// Returns pictures (B, C, H, W), detached; those of budget 0 come back bit for bit. The classifier
// is evaluated only where there are several trials.
torch::Tensor Noise(const LogitsOf& logits_of, const AttackInput& input,
                    const NoiseOptions& options = {});

// The random starts that attacks share: the next draw of each sample's generator, projected.
torch::Tensor UniformStart(const Budget& budget, SampleRandom& random);
// x + 1e-3 n with n standard normal.
torch::Tensor GaussianStart(const Budget& budget, SampleRandom& random);

}  // namespace hepar
