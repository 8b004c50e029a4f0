// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "models/graph/graph.h"

namespace hepar {

// A graph as LibTorch operators on one device, for batches of pictures. Weights are converted to
// the device, the type and the channels-last layout once, so a pass consists of the operators
// alone. On CUDA a convolution, its bias, its activation and what is added before the activation
// are one cuDNN call, where cuDNN has it.
//
// Immutable; threads may call Run() at the same time. Throws LibTorch's exceptions.
class TorchGraph {
 public:
  // `type`: float32, bfloat16 or, on CUDA, float16. The graph is not needed afterwards.
  TorchGraph(const Graph& graph, const torch::Device& device, torch::ScalarType type);

  // Of absent decouplers and of a classifier without lowering: undefined.
  struct Results {
    torch::Tensor planes, specific, common, reconstruction;  // (B, ., H, W) of the graph's type.
    torch::Tensor logits;                                    // (B, classes) of the graph's type.
  };

  // `pictures`: (B, C, H, W) float32 on the device, as InputFor() makes it. Nothing in it depends
  // on values, so a pass can be captured.
  Results Run(const torch::Tensor& pictures) const;

  // The derivative of the sum of `by_logits` (B, classes) times the logits by each number of the
  // pictures, as Run() takes them, by LibTorch's autograd: (B, C, H, W) float32. The graph must
  // have a classifier.
  torch::Tensor PictureGradient(const torch::Tensor& pictures,
                                const torch::Tensor& by_logits) const;

  // Zeros for `batch` pictures. Channels-last strides, also where there is one channel: LibTorch
  // chooses the layout of the maps by them.
  torch::Tensor InputFor(int64_t batch) const;

  // Convolutions that cuDNN computes together with bias and activation. 0 on the CPU.
  std::size_t fused_convolutions() const { return fused_; }

 private:
  using Maps = std::vector<torch::Tensor>;
  struct Step {
    std::function<torch::Tensor(const Maps&)> run;  // The inputs of the node, in order.
    std::vector<int> inputs;
    int output;
    std::vector<int> last_used;  // Values that no later step reads.
  };

  void FreeAfterLastUse(const Graph& graph);
  Results RunSteps(const torch::Tensor& pictures) const;

  torch::Device device_;
  torch::ScalarType type_;
  Shape picture_;
  int values_;
  int planes_, specific_, common_, reconstruction_, logits_;  // Ids of the results.
  std::vector<Step> steps_;
  std::size_t fused_ = 0;
};

}  // namespace hepar
