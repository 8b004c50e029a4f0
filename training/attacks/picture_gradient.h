// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"

namespace hepar {

// What an attack maximizes: logits (B, K) -> one loss for each sample (B), differentiable.
using LossesOf = std::function<torch::Tensor(const torch::Tensor& logits)>;

// The same of any losses of the pictures: (B, C, H, W) -> (B), differentiable.
using PictureLossesOf = std::function<torch::Tensor(const torch::Tensor& pictures)>;

// One forward and one backward pass. All detached.
struct PictureGradient {
  torch::Tensor gradient;  // Of each sample's loss with respect to its picture: (B, C, H, W).
  torch::Tensor logits;    // (B, K).
  torch::Tensor losses;    // (B).
};

// The gradient of the losses at `pictures` (B, C, H, W), also where the caller has switched
// gradients off. No parameter's gradient is computed where the module is in AttackGuard's state,
// and none is ever stored.
// Throws Error(kUnsupported) where the logits do not depend differentiably on the pictures, and
// Error(kFailed) for a gradient that is not a number: an attack that continued would report a
// robustness that is not there.
PictureGradient GradientAt(const torch::Tensor& pictures, const LogitsOf& logits_of,
                           const LossesOf& losses_of);

// The gradient (B, C, H, W) alone, of losses that need not follow from the logits. As above.
torch::Tensor GradientOf(const PictureLossesOf& losses_of, const torch::Tensor& pictures);

// The share of samples, in [0,1], whose cross-entropy has a gradient of 0 in every value of the
// picture, at a random start within the budget. Anything above 0 says that attacks by gradient are
// blind there (rounding, saturation, dead units) and that their robust accuracy means nothing; a
// classifier without gradient gives 1.
double ZeroGradientFraction(const LogitsOf& logits_of, const AttackInput& input);

// Throws Error(kFailed), naming `what`, when one of the values is NaN.
void CheckNumbers(const torch::Tensor& values, const char* what);

}  // namespace hepar
