// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <vector>

#include "models/graph/graph.h"

namespace hepar::testing {

// Every value of `graph` for `picture` (1, C, H, W), by LibTorch's operators one by one: what a
// graph means, to compare executors with. Nothing is fused and nothing is fast.
std::vector<torch::Tensor> Interpret(const Graph& graph, const torch::Tensor& picture);

}  // namespace hepar::testing
