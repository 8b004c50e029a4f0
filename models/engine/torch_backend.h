// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

#include "models/engine/backend.h"
#include "models/engine/precision.h"
#include "models/graph/graph.h"

namespace hepar {

torch::ScalarType ScalarTypeOf(Precision precision);

// What classifies where the graph has no classifier.
struct TorchClassifier {
  // Logits (B, classes) of x_c (B, N, H, W), both of the backend's type and on its device.
  std::function<torch::Tensor(const torch::Tensor& planes)> run;
  // Whether it may be part of a captured graph. Code of a user may not: what it does is unknown.
  bool can_be_captured = false;
};

// Runs a graph on LibTorch: on CUDA as captured graphs, for batches up to `max_batch` pictures
// each, elsewhere and where capture fails operator by operator. A frame's whole pass runs when it
// is decoupled, as one pass costs less than two. Throws Error(kUnsupported) where the device's
// memory is too small for one picture; LibTorch's exceptions for other failures.
//
// A frame may throw Error(kFailed): when the device's memory is exhausted, with the size of the
// batch, and when the device is lost. After the latter every call fails with the same error at
// once.
std::unique_ptr<Backend> MakeTorchBackend(const Graph& graph, const TorchClassifier& classifier,
                                          const torch::Device& device, Precision precision,
                                          int max_batch = 16);

}  // namespace hepar
