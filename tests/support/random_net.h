// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/nets/severity_net.h"

namespace hepar::testing {

// An architecture of a named size with a named classifier, and defaults for the rest.
Architecture ArchitectureOf(const std::string& size, const std::string& classifier);

// A network in evaluation mode in which every parameter affects the results: random weights, and
// random statistics and factors of the batch normalizations, which are 0 and 1 in an untrained
// network. Equal seeds give equal networks.
SeverityNet RandomNet(const Architecture& architecture, unsigned seed = 1);

}  // namespace hepar::testing
