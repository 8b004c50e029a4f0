// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/recorded_split.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "models/error.h"

namespace hepar {

using nlohmann::json;

int HeldOutFold(const ModelSpec& spec) {
  return json::parse(spec.training_options).value("fold", -1);
}

Split RecordedSplit(const ModelSpec& spec, const Dataset& dataset, const Folds* folds) {
  if (spec.dataset_digest != dataset.digest) {
    throw Error(ErrorKind::kMismatch, "the model was trained on other data");
  }
  const json made_with = json::parse(spec.training_options);
  for (const char* key : {"test_fraction", "validation_fraction", "seed"}) {
    if (!made_with.contains(key)) {
      throw Error(ErrorKind::kMismatch, "the model does not say how its data was split");
    }
  }
  const double validation = made_with.at("validation_fraction");
  const auto seed = made_with.at("seed").get<std::uint64_t>();
  const int fold = HeldOutFold(spec);
  if (fold < 0) return SplitByPatient(dataset, made_with.at("test_fraction"), validation, seed);
  if (folds == nullptr) {
    throw Error(ErrorKind::kInvalid,
                "the model was trained by folds; give --folds and --fold " + std::to_string(fold));
  }
  return SplitByFold(dataset, *folds, fold, validation, seed);
}

std::vector<int> RecordedPart(const ModelSpec& spec, const Dataset& dataset,
                              const std::string& part) {
  const Split split = [&] {
    try {
      return RecordedSplit(spec, dataset, nullptr);
    } catch (const Error& error) {
      throw Error(error.kind(), "--part " + part + ": " + error.what());
    }
  }();
  const auto& samples = part == "train"  ? split.train
                        : part == "test" ? split.test
                                         : split.validation;
  if (samples.empty()) {
    throw Error(ErrorKind::kMismatch, "--part: the model was trained without a " + part + " part");
  }
  return samples;
}

void CheckSameClasses(const ModelSpec& spec, const std::string& model,
                      const std::vector<std::string>& class_names) {
  if (spec.class_names == class_names) return;
  const auto list = [](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  throw Error(ErrorKind::kMismatch, model + ": its classes (" + list(spec.class_names) +
                                        ") are not those of the data (" + list(class_names) + ")");
}

}  // namespace hepar
