// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/picture_gradient.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <string>

#include "models/error.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/noise.h"

namespace hepar {
namespace {

struct LossesAndGradient {
  torch::Tensor losses, gradient;
};

// As GradientOf(), with an undefined gradient where there is none.
LossesAndGradient TryGradientOf(const PictureLossesOf& losses_of, const torch::Tensor& pictures) {
  torch::AutoGradMode enable(true);
  const auto x = pictures.detach().requires_grad_(true);
  const auto losses = losses_of(x);
  LossesAndGradient result{losses.detach(), {}};
  if (!losses.requires_grad()) return result;
  result.gradient = torch::autograd::grad({losses.sum()}, {x}, {}, /*retain_graph=*/{},
                                          /*create_graph=*/false, /*allow_unused=*/true)[0];
  return result;
}

LossesAndGradient CheckedGradientOf(const PictureLossesOf& losses_of,
                                    const torch::Tensor& pictures) {
  auto result = TryGradientOf(losses_of, pictures);
  if (!result.gradient.defined()) {
    throw Error(ErrorKind::kUnsupported,
                "attack: the classifier's logits have no gradient with respect to the picture; "
                "expected a differentiable classifier; use the attack 'square', which needs none");
  }
  CheckNumbers(result.gradient, "gradient");
  return result;
}

}  // namespace

PictureGradient GradientAt(const torch::Tensor& pictures, const LogitsOf& logits_of,
                           const LossesOf& losses_of) {
  torch::Tensor logits;
  const auto [losses, gradient] = CheckedGradientOf(
      [&](const torch::Tensor& x) {
        const auto answer = logits_of(x);
        logits = answer.detach();
        return losses_of(answer);
      },
      pictures);
  return {gradient, logits, losses};
}

torch::Tensor GradientOf(const PictureLossesOf& losses_of, const torch::Tensor& pictures) {
  return CheckedGradientOf(losses_of, pictures).gradient;
}

double ZeroGradientFraction(const LogitsOf& logits_of, const AttackInput& input) {
  const auto start = Noise(logits_of, input);
  const auto gradient = TryGradientOf(
                            [&](const torch::Tensor& pictures) {
                              return CrossEntropyLosses(logits_of(pictures), input.labels);
                            },
                            start)
                            .gradient;
  if (!gradient.defined()) return 1.0;
  CheckNumbers(gradient, "gradient");
  return gradient.flatten(1).eq(0).all(1).to(torch::kFloat64).mean().item<double>();
}

void CheckNumbers(const torch::Tensor& values, const char* what) {
  if (!values.isnan().any().item<bool>()) return;
  throw Error(ErrorKind::kFailed,
              "attack: the classifier's " + std::string(what) +
                  " is not a number (NaN); expected finite values; check its weights, and if it is "
                  "in training lower the learning rate");
}

}  // namespace hepar
