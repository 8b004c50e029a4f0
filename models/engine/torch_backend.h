// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "models/engine/backend.h"
#include "models/engine/precision.h"
#include "models/image/preprocess.h"
#include "models/nets/severity_net.h"

namespace hepar {

// Runs the network itself by LibTorch: on CUDA, single pictures as captured graphs; operator by
// operator for graphs and precisions that the CPU engine has no kernels for. `net` is used up: it
// is moved to the device and to the precision. `input` is what pictures will be like.
std::unique_ptr<Backend> MakeTorchBackend(SeverityNet net, const std::string& device,
                                          Precision precision, const PreprocessOptions& input);

}  // namespace hepar
