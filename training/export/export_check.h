// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/nets/severity_net.h"

namespace hepar {

// How far one result of an exported file is from the network's own, over a batch of two random
// pictures.
struct ExportDifference {
  // "logits", "specific", "common", "reconstruction" or "auxiliary_logits".
  std::string result;
  double absolute = 0.0;  // The largest.
  // The same over the largest magnitude of the network's result, or over 1 where that is less: two
  // programs that add in another order part by so many digits of a number, whatever its size.
  double relative = 0.0;
};

// One for each result, in the order in which the file gives them, without those of a decoupler that
// the network lacks.
using ExportDifferences = std::vector<ExportDifference>;

// The largest relative difference; NaN where one is.
double Largest(const ExportDifferences& differences);

// Runs the exported model with LibTorch's interpreter. `channels` and `side` are those of the
// pictures. Throws Error(kFailed) when the file does not run.
ExportDifferences CheckTorchScript(const std::string& path, SeverityNet net, int channels,
                                   int side);

// Runs the exported model with OpenCV's reader and executor of ONNX, which share no code with the
// writer. Throws Error(kFailed) when the file does not run.
ExportDifferences CheckOnnx(const std::string& path, SeverityNet net, int channels, int side);

// The pictures of these checks and the network's results on them, as a safetensors file: tensors
// "picture", "logits" and so on, with which other runtimes can be checked.
std::string ExportSamples(SeverityNet net, int channels, int side);

}  // namespace hepar
