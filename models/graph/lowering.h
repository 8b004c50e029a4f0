// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/graph/graph.h"
#include "models/nets/severity_net.h"

namespace hepar {

// The inference graph of a network, in evaluation mode, for pictures of height x width pixels with
// `picture_channels` channels: 1 or 3, as SelectPlanes() takes them. Where the classifier has no
// lowering (ClassifierModule::Lower), the graph ends with the decouplers. The outputs are those of
// the module to within the rounding of 32-bit arithmetic. Throws Error(kMismatch) for a size that
// the network cannot run at.
Graph LowerToGraph(SeverityNet net, int picture_channels, int height, int width);

}  // namespace hepar
