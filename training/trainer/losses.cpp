// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/losses.h"

#include <torch/nn/functional/conv.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/functional/padding.h>

namespace hepar {

namespace F = torch::nn::functional;

namespace {

// The same small filter on each channel, with replicated borders.
torch::Tensor Filter(const torch::Tensor& pictures, const torch::Tensor& stencil) {
  const auto channels = pictures.size(1), reach = stencil.size(0) / 2;
  const auto weight = stencil.view({1, 1, stencil.size(0), stencil.size(1)})
                          .expand({channels, 1, stencil.size(0), stencil.size(1)});
  const auto padded =
      F::pad(pictures, F::PadFuncOptions({reach, reach, reach, reach}).mode(torch::kReplicate));
  return F::conv2d(padded, weight, F::Conv2dFuncOptions().groups(channels));
}

torch::Tensor Laplacian(const torch::Tensor& pictures) {
  return Filter(
      pictures,
      torch::tensor({0., 1., 0., 1., -4., 1., 0., 1., 0.}, pictures.options()).view({3, 3}));
}

torch::Tensor PyramidLevel(const torch::Tensor& pictures) {
  const auto taps = torch::tensor({.05, .25, .4, .25, .05}, pictures.options());
  const auto gauss = torch::outer(taps, taps);
  const auto smooth = Filter(pictures, gauss);
  // Down- and up-sampling by two with zeros between is a mask; 4 makes up for the zeros.
  auto mask = torch::zeros({pictures.size(2), pictures.size(3)}, pictures.options());
  mask.slice(0, 0, c10::nullopt, 2).slice(1, 0, c10::nullopt, 2).fill_(4.0);
  return pictures - Filter(smooth * mask, gauss);
}

}  // namespace

torch::Tensor EdgeLoss(const torch::Tensor& a, const torch::Tensor& b, double xi,
                       EdgeFilter filter) {
  // Both filters are linear, so one of the difference does for both.
  const auto edges = filter == EdgeFilter::kPyramid ? PyramidLevel(a - b) : Laplacian(a - b);
  return (edges.square() + xi * xi).sqrt().mean();
}

torch::Tensor ReconstructionLoss(const torch::Tensor& reconstruction, const torch::Tensor& planes,
                                 double xi, EdgeFilter filter) {
  return EdgeLoss(reconstruction, planes, xi, filter) + torch::l1_loss(reconstruction, planes);
}

torch::Tensor AuxiliaryLoss(const torch::Tensor& logits, const torch::Tensor& labels,
                            AuxiliaryTarget target) {
  const auto classes = logits.size(1);
  if (target == AuxiliaryTarget::kOrdinal) {
    const auto thresholds = torch::arange(1, classes, labels.options());
    const auto answers = (labels.unsqueeze(1) >= thresholds).to(logits.scalar_type());
    return torch::binary_cross_entropy_with_logits(logits.slice(1, 1), answers);
  }
  const auto answers = torch::one_hot(labels, classes).to(logits.scalar_type());
  return torch::binary_cross_entropy_with_logits(logits, answers);
}

torch::Tensor SeverityLosses(const torch::Tensor& logits, const torch::Tensor& labels,
                             double smoothing) {
  return F::cross_entropy(
      logits, labels,
      F::CrossEntropyFuncOptions().label_smoothing(smoothing).reduction(torch::kNone));
}

torch::Tensor SoftGrades(const torch::Tensor& labels, const torch::Tensor& severities, int classes,
                         double width) {
  const auto cuts = torch::arange(1, classes, severities.options());
  const auto below = 0.5 * (1 + torch::erf((cuts - severities.unsqueeze(1)) / (width * M_SQRT2)));
  const auto ends = torch::ones_like(severities).unsqueeze(1);
  const auto soft = torch::cat({below, ends}, 1) - torch::cat({0 * ends, below}, 1);
  const auto hard = torch::one_hot(labels, classes).to(severities.scalar_type());
  return torch::where(torch::isnan(severities).unsqueeze(1), hard, soft);
}

torch::Tensor SoftSeverityLosses(const torch::Tensor& logits, const torch::Tensor& targets,
                                 double smoothing) {
  const auto spread = (1 - smoothing) * targets + smoothing / static_cast<double>(targets.size(1));
  return -(spread * torch::log_softmax(logits, 1)).sum(1);
}

torch::Tensor WeightedMean(const torch::Tensor& losses, const torch::Tensor& labels,
                           const torch::Tensor& class_weights) {
  if (!class_weights.defined()) return losses.mean();
  return (losses * class_weights.to(losses.options()).index_select(0, labels)).mean();
}

torch::Tensor AdversarialLoss(const torch::Tensor& cross_entropy, const torch::Tensor& divergence,
                              const torch::Tensor& beta) {
  return (1 - beta) * cross_entropy + beta * divergence;
}

}  // namespace hepar
