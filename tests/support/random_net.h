// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/nets/severity_net.h"

namespace hepar::testing {

// That of a named size with a named classifier, and defaults for the rest.
Architecture ArchitectureOf(const std::string& size, const std::string& classifier);

// A network in evaluation mode whose every part matters to its results: random weights, and random
// statistics and factors of the batch normalisations, which a fresh network leaves at 0 and 1.
// Equal seeds give equal networks.
SeverityNet RandomNet(const Architecture& architecture, unsigned seed = 1);

}  // namespace hepar::testing
