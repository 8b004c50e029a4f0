// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/torch.h>

namespace hepar {

// The terms of the joint loss. Each is a scalar, the mean over the batch, differentiable.

// Edge loss: mean of sqrt(Lap(a - b)^2 + xi^2) over all values, with the 3x3 Laplacian
// [0 1 0; 1 -4 1; 0 1 0] and replicated borders (paper, equation 5 with the square that makes it
// defined everywhere; xi keeps the gradient finite at zero). Blind to a constant offset.
torch::Tensor EdgeLoss(const torch::Tensor& a, const torch::Tensor& b, double xi);

// L_c: what IC2's reconstruction misses of the planes, edges and grey levels.
torch::Tensor ReconstructionLoss(const torch::Tensor& reconstruction, const torch::Tensor& planes,
                                 double xi);

// L_s: binary cross-entropy of IC1's (B, K) logits against one-hot labels, mean over B and K.
torch::Tensor AuxiliaryLoss(const torch::Tensor& logits, const torch::Tensor& labels);

// Cross-entropy of (B, K) logits. `class_weights` (K, or undefined for none) weight the samples in
// the mean; `smoothing` in [0,1) moves that much of the target to all classes alike.
torch::Tensor SeverityLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                           const torch::Tensor& class_weights = {}, double smoothing = 0.0);

}  // namespace hepar
