// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace hepar {

// Losses that attacks maximize, one for each sample: logits (B, K), labels (B) int64 -> (B).
// Differentiable in the logits. For KL see attack.h.

// Cross-entropy.
torch::Tensor CrossEntropyLosses(const torch::Tensor& logits, const torch::Tensor& labels);

// max_{i != y} z_i - z_y: above 0 where the classifier is wrong. K >= 2.
torch::Tensor MarginLosses(const torch::Tensor& logits, const torch::Tensor& labels);

// Difference of logits ratio (Croce and Hein, arXiv:2003.01690, equation 6), with z_(1) >= z_(2)
// >= ... the sorted logits: (max_{i != y} z_i - z_y) / (z_(1) - z_(3)). Neither shifting nor
// scaling the logits changes it, so a confident classifier does not flatten it. K >= 3.
torch::Tensor DlrLosses(const torch::Tensor& logits, const torch::Tensor& labels);

// The same toward a target class t != y (its equation 7):
// (z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2). `targets` (B) int64, K >= 4.
torch::Tensor TargetedDlrLosses(const torch::Tensor& logits, const torch::Tensor& labels,
                                const torch::Tensor& targets);

}  // namespace hepar
