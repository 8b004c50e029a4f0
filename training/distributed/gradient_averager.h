// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "training/distributed/communicator.h"

namespace hepar {

// Gives every process the gradient of the batch that they make up together. Gradients travel in
// buckets, each as soon as its last gradient is computed, during the backward pass (Li et al.,
// "PyTorch Distributed", VLDB 2020).
class GradientAverager {
 public:
  static constexpr std::int64_t kBucketBytes = 25 << 20;

  // Of those `parameters` that require a gradient now, the same in all processes. Such a parameter
  // may stop requiring one later, and a loss need not reach all of them. `communicator` must
  // outlive this.
  GradientAverager(Communicator& communicator, const std::vector<torch::Tensor>& parameters,
                   std::int64_t bucket_bytes = kBucketBytes);
  ~GradientAverager();

  // In place of loss.backward(): afterward each gradient is the sum over all processes of `share`
  // times theirs. With a loss that is the mean of this process's part of a batch, and its part of
  // the pictures as `share` (Communicator::ShareOf), that is the gradient of the mean of the whole
  // batch, also when the parts are of different sizes. It takes the place of earlier gradients; one
  // that no process computes stays as it is.
  // Collective; errors as Communicator's. Where normalization is synchronized, the graphs of all
  // processes must be alike.
  void Backward(const torch::Tensor& loss, double share);

 private:
  struct Buckets;
  Communicator& communicator_;
  std::unique_ptr<Buckets> buckets_;
};

}  // namespace hepar
