// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/weight_average.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

// `spec` without what may differ between models that are averaged, as text.
std::string StructureOf(ModelSpec spec) {
  const ModelSpec plain;
  spec.name = spec.id = spec.dataset_digest = spec.licence = spec.citation = "";
  spec.training_options = spec.metrics = "{}";
  spec.temperature = plain.temperature;
  spec.abstain_below = plain.abstain_below;
  spec.out_of_domain_above = plain.out_of_domain_above;
  spec.domain = plain.domain;
  spec.familiarity = plain.familiarity;
  return ModelSpecToJson(spec);
}

void CheckAlike(const std::vector<Bundle>& bundles) {
  const std::string structure = StructureOf(bundles.front().spec);
  for (const Bundle& bundle : bundles) {
    if (bundle.spec.architecture.classifier == "torchscript") {
      throw Error(ErrorKind::kInvalid, bundle.spec.name +
                                           ": has a TorchScript classifier, whose weights are part "
                                           "of its program and cannot be averaged");
    }
    if (StructureOf(bundle.spec) != structure) {
      throw Error(ErrorKind::kMismatch,
                  bundles.front().spec.name + " and " + bundle.spec.name +
                      ": differ in structure, classes or preprocessing; average models that were "
                      "trained with the same options from the same weights");
    }
  }
}

std::vector<torch::Tensor> NumbersOf(SeverityNet net) {
  std::vector<torch::Tensor> numbers;
  for (const auto& item : net->named_parameters()) numbers.push_back(item.value());
  for (const auto& item : net->named_buffers()) numbers.push_back(item.value());
  return numbers;
}

ModelSpec DescriptionOf(const std::vector<Bundle>& bundles, const std::vector<double>& shares) {
  ModelSpec spec = bundles.front().spec;
  auto options = nlohmann::ordered_json::parse(spec.training_options);
  auto parts = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < bundles.size(); ++i) {
    parts.push_back(
        {{"name", bundles[i].spec.name}, {"id", bundles[i].spec.id}, {"share", shares[i]}});
  }
  options["average"] = parts;
  spec.training_options = options.dump();
  spec.metrics = "{}";
  const ModelSpec plain;
  spec.temperature = plain.temperature;
  spec.abstain_below = plain.abstain_below;
  spec.out_of_domain_above = plain.out_of_domain_above;
  spec.domain = plain.domain;
  spec.familiarity = plain.familiarity;
  return spec;
}

}  // namespace

Bundle AverageInPlace(std::vector<Bundle> bundles, const std::vector<double>& shares) {
  if (bundles.size() < 2 || shares.size() != bundles.size()) {
    throw Error(ErrorKind::kInvalid, "an average needs at least two models and a share for each");
  }
  for (double share : shares) {
    if (!(share > 0.0)) throw Error(ErrorKind::kInvalid, "the share of a model must be above 0");
  }
  CheckAlike(bundles);
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);

  const torch::NoGradGuard no_grad;
  std::vector<std::vector<torch::Tensor>> numbers;
  for (const Bundle& bundle : bundles) numbers.push_back(NumbersOf(bundle.net));
  for (std::size_t n = 0; n < numbers.front().size(); ++n) {
    // Counters of batches are the first model's.
    if (!numbers.front()[n].is_floating_point()) continue;
    auto mean = torch::zeros_like(numbers.front()[n], torch::kFloat64);
    for (std::size_t i = 0; i < bundles.size(); ++i) mean += numbers[i][n] * (shares[i] / sum);
    numbers.front()[n].copy_(mean);
  }
  return {DescriptionOf(bundles, shares), bundles.front().net};
}

}  // namespace hepar
