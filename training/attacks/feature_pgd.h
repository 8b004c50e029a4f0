// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/attacks/pgd.h"

namespace hepar {

struct FeaturePgdOptions {
  PgdOptions pgd;               // Steps, start, restarts, and the loss of the logits.
  std::vector<double> weights;  // Of the distance of each feature of View, >= 0, one above 0. A
                                // feature that the classifier lacks is ignored.
};

// PGD that also drives the features away from those of the clean pictures, for classifiers whose
// features are meant to be robust: an attack on the logits alone may stop where they are flat while
// the features still move. It maximizes
//
//   loss(f(x')) + sum_i w_i |Feat_i(x') - Feat_i(x)|,
//
// with |.| the root of the mean square over a sample's values: the Euclidean norm in units that do
// not depend on the picture's size, so that features in [0,1] are 1 apart at most. Of several
// restarts each sample keeps the one of highest loss of the logits, which is what errors come from.
//
// Returns pictures (B, C, H, W), detached; those of budget 0 come back bit for bit. Costs as Pgd(),
// and one forward pass for the clean features. The model must be in AttackGuard's state.
//
// Throws Error(kInvalid) for options out of range, Error(kUnsupported) when the classifier has none
// of the features that have a weight, and as GradientOf().
torch::Tensor FeaturePgd(const ViewOf& view_of, const AttackInput& input,
                         const FeaturePgdOptions& options);

// The distance |.| above of each sample: (B, ...) -> (B). Differentiable, also where both are
// equal: the gradient is 0 there.
torch::Tensor FeatureDistances(const torch::Tensor& features, const torch::Tensor& clean);

}  // namespace hepar
