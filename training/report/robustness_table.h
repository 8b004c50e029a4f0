// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "training/scoring/robustness_report.h"

namespace hepar {

// As text: accuracy in percent, pooled with its Wilson interval and by class, and under the table a
// line for each kind of row about its limits.
std::string RobustnessTable(const RobustnessReport& report);

// {"pictures", "patients", "per_class_pictures", "results": [row, ...], "left_out": [...]}. A row:
// "attack", "epsilon", "pictures", "hits", "accuracy", "wilson" [low, high], "per_class",
// "eight_bit", "gradients" ("end2end", "image" for held features), "weak", "source" and "source_id"
// (null for the model's own), "seconds". NaN is null.
nlohmann::ordered_json RobustnessToJson(const RobustnessReport& report);

}  // namespace hepar
