// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/recorded_split.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

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

}  // namespace hepar
