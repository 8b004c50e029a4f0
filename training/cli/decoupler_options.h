// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/nets/architecture.h"

namespace hepar {

// Gives `architecture` the decouplers that --size and --widths name; widths may be empty. Throws
// Error(kInvalid) as DecouplerShapeOf() and WithWidths() do.
void SetDecouplers(const std::string& size, const std::string& widths, Architecture* architecture);

}  // namespace hepar
