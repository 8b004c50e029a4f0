// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hepar {

// Tensors made of a tensor, always in the same way: no choice depends on what they hold.
using Pass = std::function<std::vector<torch::Tensor>(const torch::Tensor&)>;

// A pass on a CUDA device as one captured graph, started by one call. A small network is many small
// kernels, whose launches take longer than they do when each comes from the program.
//
// Thread-safe: callers take turns for the time that it takes to start the graph.
class CapturedPass {
 public:
  virtual ~CapturedPass() = default;

  // What the pass would make of `input`, which has shape, type and device of the example. The
  // results belong to the caller, on the device's current stream.
  virtual std::vector<torch::Tensor> operator()(const torch::Tensor& input) = 0;
};

// Runs the pass on `example` a few times and captures it. Null where it cannot be captured: the
// example is not on a CUDA device, this build has no CUDA, or an operator of the pass refuses, as a
// user's TorchScript may. The last is logged with `name`, what the pass does. The pass itself then
// still runs.
std::unique_ptr<CapturedPass> Capture(const std::string& name, const Pass& pass,
                                      const torch::Tensor& example);

}  // namespace hepar
