// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/procedure/losses.h"

namespace hepar {

namespace F = torch::nn::functional;

namespace {

torch::Tensor Laplacian(const torch::Tensor& pictures) {
  const auto channels = pictures.size(1);
  const auto stencil = torch::tensor({0., 1., 0., 1., -4., 1., 0., 1., 0.}, pictures.options())
                           .view({1, 1, 3, 3})
                           .expand({channels, 1, 3, 3});
  const auto padded = F::pad(pictures, F::PadFuncOptions({1, 1, 1, 1}).mode(torch::kReplicate));
  return F::conv2d(padded, stencil, F::Conv2dFuncOptions().groups(channels));
}

}  // namespace

torch::Tensor EdgeLoss(const torch::Tensor& a, const torch::Tensor& b, double xi) {
  // The Laplacian is linear, so one of the difference does for both.
  return (Laplacian(a - b).square() + xi * xi).sqrt().mean();
}

torch::Tensor ReconstructionLoss(const torch::Tensor& reconstruction, const torch::Tensor& planes,
                                 double xi) {
  return EdgeLoss(reconstruction, planes, xi) + torch::l1_loss(reconstruction, planes);
}

torch::Tensor AuxiliaryLoss(const torch::Tensor& logits, const torch::Tensor& labels) {
  const auto target = torch::one_hot(labels, logits.size(1)).to(logits.scalar_type());
  return torch::binary_cross_entropy_with_logits(logits, target);
}

torch::Tensor SeverityLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                           const torch::Tensor& class_weights, double smoothing) {
  auto options = F::CrossEntropyFuncOptions().label_smoothing(smoothing);
  if (class_weights.defined()) options.weight(class_weights);
  return F::cross_entropy(logits, labels, options);
}

}  // namespace hepar
