// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/script.h>

#include "models/graph/graph.h"
#include "models/nets/severity_net.h"

namespace hepar {

// The inference graph as a TorchScript module on the CPU, in evaluation mode, for any program with
// LibTorch or PyTorch and none of this project's code:
//
//   forward(picture: (B, channels, height, width)) ->
//     (logits (B, classes), specific, common, reconstruction, auxiliary_logits)
//
// with the meaning that they have in ToOnnx() (training/export/onnx_model.h). A TorchScript
// classifier of the user's goes in as it is; any other classifier must be in the graph, else
// throws Error(kUnsupported).
torch::jit::Module ToTorchScript(const Graph& graph, SeverityNet net);

}  // namespace hepar
