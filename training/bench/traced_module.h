// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/script.h>

#include "models/nets/severity_net.h"

namespace hepar {

// What a user of plain LibTorch would run: the network traced for one picture of `channels` x
// side x side, frozen, and optimised by LibTorch's optimize_for_inference. forward(picture) gives
// the logits. The network must be in evaluation mode.
torch::jit::Module OptimisedTorchScript(SeverityNet net, int channels, int side);

}  // namespace hepar
