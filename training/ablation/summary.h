// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/metrics.h"

namespace hepar {

// Accuracy under an attack, by frame.
struct AttackOutcome {
  std::string attack;  // As `hepar attack` names it.
  double accuracy = 0.0;
};

// One seed of a row: the answers of its models to the cases that they were not trained on.
struct AblationSeed {
  Predictions frames;
  std::vector<AttackOutcome> attacks;
};

struct AblationRow {
  std::string classifier, variant;
  std::vector<AblationSeed> seeds;

  // The paper's name: the classifier's alone for the variant "base", else both, such as
  // "SqueezeNet+ICFDNet".
  std::string Method() const;
};

// For each row, by frame and by patient: means over the seeds with their standard deviations,
// intervals over patients, differences from the first variant of the same classifier with
// p-values, accuracy under attack, and the paper's row where it has one. The rows of a classifier
// follow each other. Throws what OverSeeds() throws.
nlohmann::ordered_json SummaryToJson(const std::vector<AblationRow>& rows,
                                     const std::vector<std::string>& class_names,
                                     const BootstrapOptions& options);

// What SummaryToJson() gave as Markdown: a table in the form of the paper's for each level, with
// the paper's own rows beside ours, and one of what each variant changes.
std::string SummaryMarkdown(const nlohmann::ordered_json& summary, const std::string& title);

}  // namespace hepar
