// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/strongest.h"

#include <torch/utils.h>

#include "training/attacks/attack_losses.h"
#include "training/attacks/budget.h"
#include "training/attacks/picture_gradient.h"

namespace hepar {

void Strongest::Offer(const torch::Tensor& pictures, const torch::Tensor& logits) {
  torch::NoGradGuard no_grad;
  CheckNumbers(logits, "answer");
  const auto margins = MarginLosses(logits, labels_);
  if (!pictures_.defined()) {
    pictures_ = pictures.detach();
    margins_ = margins;
    return;
  }
  auto better = margins > margins_;
  if (settled_.defined()) better = better.logical_and(settled_.logical_not());
  pictures_ = torch::where(PerPicture(better), pictures, pictures_);
  margins_ = torch::where(better, margins, margins_);
}

bool Strongest::Settle() {
  settled_ = margins_ > 0;
  return settled_.all().item<bool>();
}

}  // namespace hepar
