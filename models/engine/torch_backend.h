// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "models/engine/backend.h"
#include "models/nets/severity_net.h"

namespace hepar {

// Runs the network itself, operator by operator, by LibTorch: on CUDA, and for graphs and
// precisions that the CPU engine has no kernels for. `net` is used up: it is moved to the device
// and to the precision.
std::unique_ptr<Backend> MakeTorchBackend(SeverityNet net, const std::string& device,
                                          Precision precision, int input_size);

}  // namespace hepar
