// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace hepar {

// The smallest budget within which every value of a picture has a level of 8 bits: half a level.
inline constexpr double kSmallestEightBitBudget = 0.5 / 255.0;

// Attacked pictures as a source of 8 bits could deliver them: every value the nearest multiple of
// 1/255, or, where that lies outside the budget around the clean value or outside [0,1], the next
// one toward the clean value. All in the type of `pictures`.
//
// The clean pictures themselves are averages over the pixels of a frame and seldom multiples. With
// a budget of half a level that leaves a value one level to go to, the clean value rounded, and so
// nothing to an attack; with a whole level it leaves two or three.
//
// `candidates`, `pictures` (B, C, H, W), `epsilon` (B). Throws Error(kInvalid) for a budget below
// kSmallestEightBitBudget, within which a value may have no level.
torch::Tensor RoundToEightBits(const torch::Tensor& candidates, const torch::Tensor& pictures,
                               const torch::Tensor& epsilon);

}  // namespace hepar
