// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// The error rates that the thresholds of a model are set for. All are shares, 0..1.
struct TrustOptions {
  double unfamiliar_share = 0.05;  // Of pictures of the model's own scanners that are unfamiliar.
  double abstain_share = 0.1;      // Of answers, the least confident, that are withheld at most.
  // Target of the mean confidence on unfamiliar livers: the expected share of correct grades there.
  // Models that were scored on scanners that they had not seen graded 35 to 55 % correctly.
  double unfamiliar_confidence = 0.45;
};

}  // namespace hepar
