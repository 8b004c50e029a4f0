// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hepar {

// What a pass computes for a batch.
struct PassResults {
  torch::Tensor maps;    // (B, K, H, W), on the device. Undefined where the pass makes none.
  torch::Tensor logits;  // (B, classes); float32 on the host from a PassRunner. Or undefined.
};

// A pass over a batch of pictures on one device, whose control flow does not depend on values.
struct Pass {
  // Pictures as `make_input` makes them; B is the same in both.
  std::function<PassResults(const torch::Tensor& pictures)> run;
  std::function<torch::Tensor(std::int64_t batch)> make_input;
  torch::Device device = torch::kCPU;
};

// Runs a pass for pictures in host memory. Thread-safe.
class PassRunner {
 public:
  virtual ~PassRunner() = default;

  // `pictures`: one or more, each (1, C, H, W) float32 in host memory, pinned where the device is a
  // GPU. Returns when the results are there; they belong to the caller. Throws LibTorch's
  // exceptions.
  virtual PassResults Run(const std::vector<torch::Tensor>& pictures) = 0;

  // For Engine::backend(), such as "captured graphs".
  virtual std::string name() const = 0;
};

// Operator by operator, on the calling thread's stream.
std::unique_ptr<PassRunner> MakeEagerRunner(const Pass& pass);

// As captured CUDA graphs, each of which one call launches: a small network consists of many small
// kernels, and launching each of them takes longer than running it. There is a graph for each batch
// size 1, 2, 4, ... up to `max_batch`; other sizes take the next larger one, and larger batches run
// in parts. Memory that is too small for a size ends the sequence, which is logged. Two passes run
// at the same time, each on a stream of its own.
//
// Null where nothing can be captured, with the cause in `*reason`: the device is no CUDA device,
// this build has no CUDA, or an operator does not support capture. The device and LibTorch's
// allocator can be used as before then.
std::unique_ptr<PassRunner> CapturePass(const Pass& pass, std::int64_t max_batch,
                                        std::string* reason);

}  // namespace hepar
