// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/attack_losses.h"

#include <torch/nn/functional/loss.h>

#include <limits>
#include <tuple>

namespace hepar {

namespace F = torch::nn::functional;

namespace {

// Keeps the ratio defined where all logits are equal.
constexpr double kTiny = 1e-12;

torch::Tensor Of(const torch::Tensor& logits, const torch::Tensor& classes) {
  return logits.gather(1, classes.unsqueeze(1)).squeeze(1);
}

torch::Tensor Sorted(const torch::Tensor& logits) {
  return std::get<0>(logits.sort(/*dim=*/1, /*descending=*/true));
}

}  // namespace

torch::Tensor CrossEntropyLosses(const torch::Tensor& logits, const torch::Tensor& labels) {
  return F::cross_entropy(logits, labels, F::CrossEntropyFuncOptions().reduction(torch::kNone));
}

torch::Tensor MarginLosses(const torch::Tensor& logits, const torch::Tensor& labels) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  return logits.scatter(1, labels.unsqueeze(1), kNever).amax(1) - Of(logits, labels);
}

torch::Tensor DlrLosses(const torch::Tensor& logits, const torch::Tensor& labels) {
  const auto sorted = Sorted(logits);
  return MarginLosses(logits, labels) / (sorted.select(1, 0) - sorted.select(1, 2) + kTiny);
}

torch::Tensor TargetedDlrLosses(const torch::Tensor& logits, const torch::Tensor& labels,
                                const torch::Tensor& targets) {
  const auto sorted = Sorted(logits);
  const auto spread = sorted.select(1, 0) - 0.5 * (sorted.select(1, 2) + sorted.select(1, 3));
  return (Of(logits, targets) - Of(logits, labels)) / (spread + kTiny);
}

}  // namespace hepar
