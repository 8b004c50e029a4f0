// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/doubt.h"

#include <algorithm>

namespace hepar {

double EvidenceShare(const Familiarity& familiarity, double score) {
  const double t = std::clamp((score - familiarity.unfamiliar_above) /
                                  (familiarity.full_doubt_above - familiarity.unfamiliar_above),
                              0.0, 1.0);
  return 1.0 - (1.0 - familiarity.evidence) * t * t * (3.0 - 2.0 * t);
}

void WidenDoubt(double share, std::vector<float>* probabilities) {
  if (share >= 1.0) return;  // To the last bit what it was.
  const double rest = (1.0 - share) / static_cast<double>(probabilities->size());
  for (float& p : *probabilities) p = static_cast<float>(share * p + rest);
}

}  // namespace hepar
