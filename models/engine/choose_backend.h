// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "models/bundle/bundle.h"
#include "models/engine/backend.h"
#include "models/engine/precision.h"

namespace hepar {

// The backend for `bundle`, whose network it takes over, on `device` (resolved) at `precision`. On
// the CPU it is the CPU engine where that has kernels for the graph and the processor supports the
// precision, otherwise LibTorch. A classifier without a lowering runs on LibTorch, at the same
// precision, after the decouplers on the CPU engine. Logs the choice and its reason.
std::unique_ptr<Backend> ChooseBackend(const Bundle& bundle, const std::string& device,
                                       Precision precision);

}  // namespace hepar
