// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/domain/domain_model.h"
#include "models/domain/familiarity.h"
#include "models/image/preprocess.h"
#include "models/nets/architecture.h"

namespace hepar {

// One tensor of a bundle: what its archive must hold, checked before it is loaded.
struct TensorEntry {
  std::string name;  // Path in the module tree, such as "ic1.e1.h0.conv.weight".
  std::vector<std::int64_t> shape;
};

// Everything about a model but its numbers: the content of `hepar.json` in a bundle.
struct ModelSpec {
  static constexpr int kSchemaVersion = 1;

  std::string name;  // Short, for people: "steatosis-byra-live".
  // SHA-256 (hex) of the parameters, and of the code of a TorchScript classifier; written by
  // SaveBundle.
  std::string id;
  Architecture architecture;
  std::vector<std::string> class_names = {"normal", "mild", "moderate", "severe"};
  PreprocessOptions preprocess;  // Input size, channels and sector rule.

  double temperature = 1.0;             // Logits are divided by it before softmax; > 0.
  std::optional<double> abstain_below;  // Confidence under which no grade is given.
  std::optional<double>
      out_of_domain_above;            // Score by `domain` over which a view is no liver; > 0.
  std::optional<DomainModel> domain;  // Empty: the model has no out-of-domain score.
  // Only with `domain`. Empty: every view of a liver is taken for one of the model's own scanners.
  std::optional<Familiarity> familiarity;

  // Free-form evidence, kept as JSON text (an object, "{}" when unknown).
  std::string training_options = "{}";
  std::string metrics = "{}";
  std::string dataset_digest;  // SHA-256 (hex) over the training manifest and its files.
  std::string licence;
  std::string citation;

  std::vector<TensorEntry> tensors;  // Written by SaveBundle.
};

// Serialises to the text of `hepar.json`.
std::string ModelSpecToJson(const ModelSpec& spec);

// Reads and checks `hepar.json`: types, ranges and consistency of every field, before anything of
// its size is allocated. `origin` names the file in messages. Throws Error(kDamaged) for text that
// is no such description, Error(kMismatch) for another schema version or an unknown architecture.
ModelSpec ModelSpecFromJson(const std::string& text, const std::string& origin);

}  // namespace hepar
