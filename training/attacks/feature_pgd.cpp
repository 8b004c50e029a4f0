// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/feature_pgd.h"

#include <torch/utils.h>

#include <algorithm>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

// Of the mean square: keeps the root's gradient finite at 0, and is no distance that matters.
constexpr double kTiny = 1e-12;

void CheckWeights(const std::vector<double>& weights) {
  const bool in_range =
      std::all_of(weights.begin(), weights.end(), [](double w) { return w >= 0; });
  const bool any = std::any_of(weights.begin(), weights.end(), [](double w) { return w > 0; });
  if (in_range && any) return;
  throw Error(ErrorKind::kInvalid,
              "feature attack: expected weights >= 0 of the features, one of them above 0");
}

// The features that have a weight, of the clean pictures, with their places among all.
struct Reference {
  std::size_t place;
  double weight;
  torch::Tensor features;
};

std::vector<Reference> MakeReferences(const View& clean, const std::vector<double>& weights) {
  std::vector<Reference> references;
  for (std::size_t i = 0; i < std::min(weights.size(), clean.features.size()); ++i) {
    if (weights[i] > 0 && clean.features[i].defined()) {
      references.push_back({i, weights[i], clean.features[i].detach()});
    }
  }
  if (references.empty()) {
    throw Error(ErrorKind::kUnsupported,
                "feature attack: the model has none of the features that have a weight; attack "
                "its logits alone");
  }
  return references;
}

}  // namespace

torch::Tensor FeatureDistances(const torch::Tensor& features, const torch::Tensor& clean) {
  return ((features - clean).square().flatten(1).mean(1) + kTiny).sqrt();
}

torch::Tensor FeaturePgd(const ViewOf& view_of, const AttackInput& input,
                         const FeaturePgdOptions& options) {
  CheckAttackInput(input);
  CheckPgdOptions(options.pgd);
  CheckWeights(options.weights);
  torch::NoGradGuard no_grad;
  const View clean = view_of(input.pictures);
  const auto references = MakeReferences(clean, options.weights);
  const LogitsOf logits_of = [&](const torch::Tensor& x) { return view_of(x).logits; };
  const auto of_logits = PgdLosses(options.pgd.loss, logits_of, input, clean.logits);
  return Ascend(
      [&](const torch::Tensor& x) {
        const View answer = view_of(x);
        auto losses = of_logits(answer.logits);
        for (const auto& [place, weight, features] : references) {
          losses = losses + FeatureDistances(answer.features[place], features) * weight;
        }
        return losses;
      },
      logits_of, of_logits, input, options.pgd);
}

}  // namespace hepar
