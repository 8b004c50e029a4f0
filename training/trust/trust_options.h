// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// The error rates that the thresholds of a model are set for. Both are shares, 0..1.
struct TrustOptions {
  double false_flags = 0.05;   // Of in-domain pictures that are flagged as out-of-domain.
  double abstain_share = 0.1;  // Of answers, the least confident, that are withheld at most.
};

}  // namespace hepar
