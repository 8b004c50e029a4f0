// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/cli/options.h"

namespace hepar {

// How much a model is let off. Both are shares, 0..1.
struct TrustOptions {
  double false_flags = 0.05;   // Of pictures of the domain that are called no liver view.
  double abstain_share = 0.1;  // Of answers, the least confident, that are held back at most.
};

// Adds --false-flags and --abstain-share. `options` must outlive the table.
void AddTrustOptions(OptionTable* table, TrustOptions* options);

}  // namespace hepar
