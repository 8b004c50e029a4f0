// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <utility>

namespace hepar {

// Keeps for each sample the picture that the classifier got most wrong (highest margin, see
// MarginLosses) among those that an attack went through. Runs follow one another: what fools the
// classifier at the end of a run is settled, so that an attack may stop when all are, and what a
// sample gets still does not depend on the others in its batch.
class Strongest {
 public:
  // `labels` (B) int64.
  explicit Strongest(torch::Tensor labels) : labels_(std::move(labels)) {}

  // Keeps a reference to `pictures` (B, C, H, W), which must not change afterward; `logits`
  // (B, K) are the classifier's answer. Throws Error(kFailed) for logits that are NaN.
  void Offer(const torch::Tensor& pictures, const torch::Tensor& logits);

  // Ends a run: samples that are fooled keep their picture. Returns whether all are.
  bool Settle();

  // (B, C, H, W), detached.
  const torch::Tensor& pictures() const { return pictures_; }

 private:
  torch::Tensor labels_, pictures_;
  torch::Tensor margins_;  // (B).
  torch::Tensor settled_;  // (B) bool; undefined before the first Settle().
};

}  // namespace hepar
