// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/eight_bit.h"

#include <torch/utils.h>

#include "models/error.h"
#include "training/attacks/budget.h"

namespace hepar {
namespace {

constexpr double kLevels = 255.0;
// In levels. A bound that is a level itself must count as one after it was rounded to float.
constexpr double kRounding = 1e-4;

}  // namespace

torch::Tensor RoundToEightBits(const torch::Tensor& candidates, const torch::Tensor& pictures,
                               const torch::Tensor& epsilon) {
  torch::NoGradGuard no_grad;
  const auto budget = PerPicture(epsilon.to(torch::kFloat64)) * kLevels;
  if ((budget < kSmallestEightBitBudget * kLevels - kRounding).any().item<bool>()) {
    throw Error(ErrorKind::kInvalid,
                "8 bits: expected budgets of 0.5/255 or more; a smaller one holds no 8-bit level "
                "for some values");
  }
  const auto clean = pictures.to(torch::kFloat64) * kLevels;
  const auto lowest = (clean - budget - kRounding).ceil().clamp_min(0);
  const auto highest = (clean + budget + kRounding).floor().clamp_max(kLevels);
  const auto nearest = (candidates.to(torch::kFloat64) * kLevels).round();
  return (torch::clamp(nearest, lowest, highest) / kLevels).to(pictures.scalar_type());
}

}  // namespace hepar
