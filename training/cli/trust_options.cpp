// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/trust_options.h"

namespace hepar {

void AddTrustOptions(OptionTable* table, TrustOptions* options) {
  table->Number("false-flags", &options->false_flags, 0, 0.5,
                "Share of pictures of unseen patients that may be called no liver view");
  table->Number("abstain-share", &options->abstain_share, 0, 0.9,
                "Share of answers to unseen patients, the least confident, that become "
                "\"uncertain\", unless they are more likely right than not; 0: none");
}

}  // namespace hepar
