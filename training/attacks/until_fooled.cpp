// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/until_fooled.h"

#include <torch/utils.h>

#include <utility>

#include "training/attacks/attack_losses.h"

namespace hepar {

UntilFooled::UntilFooled(LogitsOf logits_of, torch::Tensor labels)
    : logits_of_(std::move(logits_of)),
      labels_(std::move(labels)),
      open_(torch::arange(labels_.size(0), labels_.options())) {}

torch::Tensor UntilFooled::Logits(const torch::Tensor& pictures) {
  const bool all = open_.size(0) == labels_.size(0);
  torch::Tensor logits;
  if (all) {
    logits = logits_of_(pictures);
  } else if (open_.size(0) > 0) {
    logits = logits_.index_copy(0, open_, logits_of_(pictures.index_select(0, open_)));
  } else {
    // Depends on the pictures for autograd alone.
    logits = logits_ + pictures.flatten(1).narrow(1, 0, 1) * 0;
  }

  const torch::NoGradGuard no_grad;
  if (all) {
    pictures_ = pictures.detach().clone();
  } else {
    pictures_.index_copy_(0, open_, pictures.detach().index_select(0, open_));
  }
  logits_ = logits.detach();
  const auto margins = MarginLosses(logits_.index_select(0, open_), labels_.index_select(0, open_));
  // Also open where the logits are NaN, which attacks refuse.
  open_ = open_.masked_select((margins > 0).logical_not());
  return logits;
}

torch::Tensor UntilFooled::Result(const torch::Tensor& attacked) const {
  if (!pictures_.defined()) return attacked;
  return pictures_.index_copy(0, open_, attacked.index_select(0, open_));
}

}  // namespace hepar
