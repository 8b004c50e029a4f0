// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "models/domain/familiarity.h"

namespace hepar {

// The share of a model's evidence that counts for a picture of this familiarity score, in
// [familiarity.evidence, 1]: 1 up to `unfamiliar_above`, `evidence` from `full_doubt_above` on, and
// between them along the cubic 3 t^2 - 2 t^3, which has no corner at either end.
double EvidenceShare(const Familiarity& familiarity, double score);

// The linear opinion pool (Stone, Ann. Math. Stat. 32, 1961) of `probabilities` and K equal ones:
// share p + (1 - share) / K. The order of the classes stays, and no probability is left above
// share + (1 - share) / K, however sure the model was. `share` is in [0,1].
void WidenDoubt(double share, std::vector<float>* probabilities);

}  // namespace hepar
