// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include "training/trainer/objective_options.h"

namespace hepar {

// The terms of the joint loss. Each is differentiable, and a scalar, the mean over the batch, where
// not stated otherwise.

// Edge loss: mean of sqrt(F(a - b)^2 + xi^2) over all values, with the filter F (paper, equation 5
// with the square that makes it defined everywhere; xi keeps the gradient finite at zero). The
// Laplacian is blind to a constant offset.
torch::Tensor EdgeLoss(const torch::Tensor& a, const torch::Tensor& b, double xi,
                       EdgeFilter filter = EdgeFilter::kLaplacian);

// L_c: the error of IC2's reconstruction of the planes, in edges and gray levels.
torch::Tensor ReconstructionLoss(const torch::Tensor& reconstruction, const torch::Tensor& planes,
                                 double xi, EdgeFilter filter = EdgeFilter::kLaplacian);

// L_s: binary cross-entropy of IC1's (B, K) logits, mean over the batch and the questions.
torch::Tensor AuxiliaryLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                            AuxiliaryTarget target = AuxiliaryTarget::kOneHot);

// Cross-entropy of (B, K) logits, of each sample: (B). `smoothing` in [0,1) moves that much of the
// target to all classes alike.
torch::Tensor SeverityLosses(const torch::Tensor& logits, const torch::Tensor& labels,
                             double smoothing = 0.0);

// (B, classes) targets of scans of the grades `labels` (B) and the severities of Batch (B). A cut
// point between two grades is normal around its number with standard deviation `width` > 0, as
// pathologists disagree the more the closer a liver is to it; a grade has the probability that
// its two cut points are on either side of the severity. Where the severity is not a number the
// target is the grade.
torch::Tensor SoftGrades(const torch::Tensor& labels, const torch::Tensor& severities, int classes,
                         double width);

// As SeverityLosses(), of (B, K) targets.
torch::Tensor SoftSeverityLosses(const torch::Tensor& logits, const torch::Tensor& targets,
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
