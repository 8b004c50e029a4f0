// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/trust.h"

#include <algorithm>
#include <cmath>

namespace hepar {

double TrustOf(const std::vector<float>& probabilities) {
  if (probabilities.size() < 2) return 1.0;
  double entropy = 0.0;
  for (const float p : probabilities) entropy -= p > 0.f ? p * std::log(p) : 0.0;
  return std::clamp(1.0 - entropy / std::log(static_cast<double>(probabilities.size())), 0.0, 1.0);
}

}  // namespace hepar
