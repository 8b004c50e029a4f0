// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/evaluation/calibration.h"

namespace hepar {

// The gain in accuracy when the least confident answers are withheld.
struct AbstentionPoint {
  double coverage = 0.0;    // Share of the cases that get an answer, in (0,1].
  double accuracy = 0.0;    // Of those.
  double confidence = 0.0;  // The least among them.
};

struct AbstentionCurve {
  std::vector<AbstentionPoint> points;  // A point for each number of answers, rising.
  double area = 0.0;                    // Mean accuracy over them; NaN without cases.
};

// The k most confident cases, for k = 1 to all. Cases of equal confidence come in no order: their
// hits are shared out evenly among them. The area is 1 - the area under the risk-coverage curve
// (El-Yaniv and Wiener, JMLR 2010). Throws Error(kInvalid) for parts of unlike length.
AbstentionCurve Abstention(const Answers& answers);

}  // namespace hepar
