// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"

namespace hepar {

struct SquareOptions {
  int queries = 1000;  // Forward passes at most; 5000 in the literature.
};

// The Square attack of the maximum norm (Andriushchenko et al., arXiv:1912.00049): random search
// that sets one square of the picture at a time to its bounds, from vertical stripes at first, and
// keeps changes that bring the classifier nearer to an error (margin loss). The squares shrink by
// the paper's schedule, stretched to `queries`. It uses logits only, so masked or broken gradient
// does not stop it: a classifier that resists the others and not this one hides it.
//
// A square that would change nothing is tried with its opposite, which in pictures of one plane
// would else be every second query. A sample that is fooled is left alone; the attack ends when all
// are. Returns pictures (B, C, H, W), detached; those of budget 0 come back bit for bit.
// Throws Error(kInvalid) for options out of range and Error(kFailed) for logits that are NaN.
torch::Tensor Square(const LogitsOf& logits_of, const AttackInput& input,
                     const SquareOptions& options = {});

// The side of the square, in pixels, that query number `query` (from 0) of `queries` tries on
// pictures of this size.
int SquareSide(int query, int queries, int height, int width);

}  // namespace hepar
