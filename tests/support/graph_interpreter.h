// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <vector>

#include "models/graph/graph.h"

namespace hepar::testing {

// Evaluates every value of `graph` for `picture` (1, C, H, W) with LibTorch's operators, one by
// one, in the picture's type: the reference for executors. Not optimized.
std::vector<torch::Tensor> Interpret(const Graph& graph, const torch::Tensor& picture);

}  // namespace hepar::testing
