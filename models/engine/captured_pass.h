// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hepar {

// A function of a tensor whose control flow does not depend on values.
using Pass = std::function<std::vector<torch::Tensor>(const torch::Tensor&)>;

// A pass on a CUDA device as a captured graph that one call launches. A small network consists of
// many small kernels, and launching each of them takes longer than running it.
//
// Thread-safe: callers take turns while the graph is launched.
class CapturedPass {
 public:
  virtual ~CapturedPass() = default;

  // The results of the pass for `input`, which has the shape, type and device of the example. They
  // belong to the caller, on the device's current stream.
  virtual std::vector<torch::Tensor> operator()(const torch::Tensor& input) = 0;
};

// Runs the pass on `example` a few times and captures it. Null where it cannot be captured: the
// example is not on a CUDA device, this build has no CUDA, or an operator does not support capture,
// as in some TorchScript models. The last is logged under `name`. The pass itself then still works.
std::unique_ptr<CapturedPass> Capture(const std::string& name, const Pass& pass,
                                      const torch::Tensor& example);

}  // namespace hepar
