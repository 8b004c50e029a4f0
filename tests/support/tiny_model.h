// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>

#include "models/bundle/model_spec.h"

namespace hepar::testing {

// Writes a small random model (size nano, 64-pixel input, four grades) to `dir`/`file` and returns
// the path. Equal seeds give equal models. `change` may change what its description says, the
// architecture too. Needs no LibTorch header at the caller's.
std::string WriteTinyModel(const std::string& dir, const std::string& file = "tiny.hepar",
                           unsigned seed = 1, const std::function<void(ModelSpec*)>& change = {});

// An out-of-domain score by which every picture is about as far away.
DomainModel FlatDomain();

}  // namespace hepar::testing
