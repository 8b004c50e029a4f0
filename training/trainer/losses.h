// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace hepar {

// The terms of the joint loss. Each is differentiable, and a scalar, the mean over the batch, where
// nothing else is said.

// The high-pass filter of the edge loss.
enum class EdgeFilter {
  kLaplacian,  // 3x3 [0 1 0; 1 -4 1; 0 1 0], replicated borders: the operator that the paper names.
  kPyramid,    // x - G(up(down(G x))) with the 5-tap [.05 .25 .4 .25 .05] and up-sampling by zeros
               // and a factor of 4: one level of a Laplacian pyramid (Burt and Adelson 1983), as in
               // the works that the paper takes the loss from.
};

// Edge loss: mean of sqrt(F(a - b)^2 + xi^2) over all values, with the filter F (paper, equation 5
// with the square that makes it defined everywhere; xi keeps the gradient finite at zero). The
// Laplacian is blind to a constant offset.
torch::Tensor EdgeLoss(const torch::Tensor& a, const torch::Tensor& b, double xi,
                       EdgeFilter filter = EdgeFilter::kLaplacian);

// L_c: what IC2's reconstruction misses of the planes, edges and grey levels.
torch::Tensor ReconstructionLoss(const torch::Tensor& reconstruction, const torch::Tensor& planes,
                                 double xi, EdgeFilter filter = EdgeFilter::kLaplacian);

// What IC1's logits answer.
enum class AuxiliaryTarget {
  kOneHot,   // "Is it grade k?", for each of the K grades.
  kOrdinal,  // "Is it at least grade k?", for k = 1..K-1; the first of the K logits is not used.
};

// L_s: binary cross-entropy of IC1's (B, K) logits, mean over the batch and the questions.
torch::Tensor AuxiliaryLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                            AuxiliaryTarget target = AuxiliaryTarget::kOneHot);

// Cross-entropy of (B, K) logits, of each sample: (B). `smoothing` in [0,1) moves that much of the
// target to all classes alike.
torch::Tensor SeverityLosses(const torch::Tensor& logits, const torch::Tensor& labels,
                             double smoothing = 0.0);

// Mean over the batch of (B) losses, each times the weight of its class: `class_weights` (K), or
// undefined for none. Divided by the number of samples, so that the parts of a batch that several
// processes hold add up to the whole; weights of mean 1 over the training part keep the scale.
torch::Tensor WeightedMean(const torch::Tensor& losses, const torch::Tensor& labels,
                           const torch::Tensor& class_weights = {});

// L_at of each sample (paper, equation 3): (1 - beta) ce + beta kl, for (B) losses and weights.
torch::Tensor AdversarialLoss(const torch::Tensor& cross_entropy, const torch::Tensor& divergence,
                              const torch::Tensor& beta);

}  // namespace hepar
