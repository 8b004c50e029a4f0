// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <string>

#include "models/engine/backend.h"
#include "models/engine/precision.h"
#include "models/image/preprocess.h"
#include "models/nets/severity_net.h"

namespace hepar {

// Runs the network on LibTorch. On CUDA, single pictures run as captured graphs; everything else
// runs operator by operator. `net` is taken over: it is moved to the device and converted to the
// precision. `input` describes the pictures to come.
std::unique_ptr<Backend> MakeTorchBackend(SeverityNet net, const std::string& device,
                                          Precision precision, const PreprocessOptions& input);

}  // namespace hepar
