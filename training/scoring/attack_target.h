// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nets/severity_net.h"
#include "training/attacks/attack.h"

namespace hepar {

// A net as the target of attacks: from the picture through the decouplers to the logits. Its
// features are Feat1 and Feat2, in this order; a net without decouplers has none. With held
// features the planes of the picture are the only path to the classifier.
//
// The net is shared, must be in AttackGuard's state while the functions are used, and must not
// change between their first and last use: FrozenNet computes them.
AttackTarget TargetOf(SeverityNet net);

}  // namespace hepar
