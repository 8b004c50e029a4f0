// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace hepar {

// One value for each sample, (B), shaped to go with pictures: (B, 1, 1, 1).
inline torch::Tensor PerPicture(const torch::Tensor& values) { return values.view({-1, 1, 1, 1}); }

// Where an attack may go: the box of pictures within each sample's budget and in [0,1]. Its bounds
// are computed once, so that a step costs one clamp.
class Budget {
 public:
  // Pictures (B, C, H, W) in [0,1], `epsilon` (B) >= 0. Keeps `pictures`, which must not change.
  Budget(const torch::Tensor& pictures, const torch::Tensor& epsilon);

  const torch::Tensor& pictures() const { return pictures_; }
  const torch::Tensor& epsilon() const { return epsilon_; }  // (B, 1, 1, 1).

  // Moves each value of `candidates` into the box, in place and unseen by autograd; where epsilon
  // is 0 that makes it the picture's bit for bit. Returns `candidates`.
  torch::Tensor Clip(torch::Tensor candidates) const;

 private:
  torch::Tensor pictures_, epsilon_, low_, high_;
};

}  // namespace hepar
