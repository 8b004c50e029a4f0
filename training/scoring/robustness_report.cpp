// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/robustness_report.h"

#include <numeric>

namespace hepar {

void RobustnessRow::Add(int label, bool right) {
  ++counts.at(label);
  hits.at(label) += right ? 1 : 0;
}

int RobustnessRow::Pictures() const { return std::accumulate(counts.begin(), counts.end(), 0); }

int RobustnessRow::Hits() const { return std::accumulate(hits.begin(), hits.end(), 0); }

}  // namespace hepar
