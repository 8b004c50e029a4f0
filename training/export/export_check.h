// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/nets/severity_net.h"

namespace hepar {

// How far an exported file's results are from the network's own, largest absolute difference over a
// batch of two random pictures, by the name of the result: "logits", "specific", "common",
// "reconstruction", "auxiliary_logits", without those of a decoupler that the network lacks.
using ExportDifferences = std::vector<std::pair<std::string, double>>;

// Runs the exported model with LibTorch's interpreter. `channels` and `side` are those of the
// pictures. Throws Error(kFailed) when the file does not run.
ExportDifferences CheckTorchScript(const std::string& path, SeverityNet net, int channels,
                                   int side);

// Runs the exported model with OpenCV's reader and executor of ONNX, which share no code with the
// writer. Throws Error(kFailed) when the file does not run.
ExportDifferences CheckOnnx(const std::string& path, SeverityNet net, int channels, int side);

}  // namespace hepar
