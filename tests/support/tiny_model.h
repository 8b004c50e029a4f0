// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/nets/architecture.h"

namespace hepar::testing {

// Writes a small random model (size nano, 64-pixel input, four grades) to `dir`/`file` and returns
// the path. Equal seeds give equal models. Needs no LibTorch header at the caller's. The CPU engine
// has no kernel for ColorPlanes::kLabL, so LibTorch runs a model of these.
std::string WriteTinyModel(const std::string& dir, const std::string& file = "tiny.hepar",
                           unsigned seed = 1, ColorPlanes planes = ColorPlanes::kY);

}  // namespace hepar::testing
