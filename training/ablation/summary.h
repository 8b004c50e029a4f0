// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/ablation/nested_selection.h"
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

// Adds to what SummaryToJson() gave "nested": "criterion", "scheme" ("full" or "cross-fitted"),
// "configurations" (how many were looked at, by all plans), "folds" ("configuration", "criterion",
// "outside"), "best", "flattered", and "frame" and "patient" as a row has them: what choosing one
// of the rows is worth on patients that had no say in the choice.
void AddNested(const NestedSelection& nested, const std::string& criterion,
               const std::string& scheme, int configurations, const BootstrapOptions& options,
               nlohmann::ordered_json* summary);

// Adds "baselines", as BaselinesToJson() gave them without a model, and to each row
// "beats_baseline" and "not_beaten", by its mean areas over the seeds, by patient.
void AddBaselines(const nlohmann::ordered_json& baselines, nlohmann::ordered_json* summary);

// What SummaryToJson() gave, with what was added, as Markdown: a table in the form of the paper's
// for each level, with the paper's own rows beside ours, and one of what each variant changes.
std::string SummaryMarkdown(const nlohmann::ordered_json& summary, const std::string& title);

}  // namespace hepar
