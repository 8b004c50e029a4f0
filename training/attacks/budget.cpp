// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/budget.h"

#include <torch/utils.h>

namespace hepar {

Budget::Budget(const torch::Tensor& pictures, const torch::Tensor& epsilon)
    : pictures_(pictures.detach()), epsilon_(PerPicture(epsilon.detach())) {
  // With the picture in [0,1], clipping to the budget and then to [0,1] is clipping to these.
  low_ = (pictures_ - epsilon_).clamp_min_(0);
  high_ = (pictures_ + epsilon_).clamp_max_(1);
}

torch::Tensor Budget::Clip(torch::Tensor candidates) const {
  torch::NoGradGuard no_grad;
  return candidates.clamp_(low_, high_);
}

}  // namespace hepar
