// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "models/bundle/bundle.h"
#include "models/engine/backend.h"
#include "models/engine/precision.h"

namespace hepar {

// What runs `bundle`, whose network is used up, on `device` (resolved) at `precision`: on the CPU
// the CPU engine, where it has kernels for the graph and the processor multiplies such numbers,
// else LibTorch. A classifier without a lowering runs by LibTorch, at that precision, behind the
// decouplers of the CPU engine. Logs what was chosen and why.
std::unique_ptr<Backend> ChooseBackend(const Bundle& bundle, const std::string& device,
                                       Precision precision);

}  // namespace hepar
