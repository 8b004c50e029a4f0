// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/engine/backend.h"
#include "models/engine/precision.h"
#include "models/graph/graph.h"

namespace hepar {

// Runs a graph on the CPU engine (models/engine/cpu), in fp32 or with bf16 maps and weights. In
// steady state no memory is allocated for maps: workspaces and frames are reused, as many as ran at
// one time.
//
// `classify` computes the logits of x_c (N x size x size, planar) where the graph has no
// classifier. Throws Error(kUnsupported) for a graph that the CPU engine has no kernels for, and
// for a precision that this processor does not support.
using ClassifyFunction = std::function<std::vector<float>(float* planes)>;
std::unique_ptr<Backend> MakeCpuBackend(Graph graph, Precision precision,
                                        ClassifyFunction classify);

}  // namespace hepar
