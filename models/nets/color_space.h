// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include "models/nets/architecture.h"

namespace hepar {

class GraphBuilder;

// The color-space transform and selection of the paper. Differentiable, so that attacks can
// optimize the picture through it. `picture` is R'G'B' or gray in [0,1]: (B, 3, H, W) or (B, 1, H,
// W); gray is treated as R = G = B. Returns (B, PlaneCount(planes), H, W) in [0,1]:
//   y      BT.601 luma, .299 R + .587 G + .114 B
//   ycbcr  luma, Cb + .5, Cr + .5
//   rgb    unchanged
//   hsv_v  max(R, G, B)
//   lab_l  CIE L* / 100 of sRGB with the D65 white point
torch::Tensor SelectPlanes(const torch::Tensor& picture, ColorPlanes planes);

// Appends SelectPlanes() to a graph for its picture, value 0, and returns the id of the planes: 0
// itself where the picture already is what is selected.
int LowerSelectPlanes(GraphBuilder* graph, ColorPlanes planes);

}  // namespace hepar
