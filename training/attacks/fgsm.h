// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"

namespace hepar {

struct FgsmOptions {
  // Starts anywhere within the budget and steps 1.25 times as far (Wong et al., arXiv:2001.03994)
  // instead of stepping once from the picture itself.
  bool random_start = false;
};

// The fast gradient sign method (Goodfellow et al., arXiv:1412.6572): one step of the whole budget
// along the sign of the cross-entropy's gradient. The model must be in AttackGuard's state. Returns
// pictures (B, C, H, W), detached; those of budget 0 come back bit for bit. Throws as GradientAt().
torch::Tensor Fgsm(const LogitsOf& logits_of, const AttackInput& input,
                   const FgsmOptions& options = {});

}  // namespace hepar
