// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/evaluation/agreement.h"
#include "training/evaluation/metrics.h"

namespace hepar {

// Thresholds and a temperature, which are chosen with the labels, are chosen on other patients than
// those that are then scored with them. A set is scored in parts; each part has cases of its own to
// choose by.
struct ScoredPart {
  Predictions scored;    // By frame.
  Predictions choosing;  // By frame, of the same model or, cross-fitted, of those of other folds.
};

struct ChoicePlan {
  std::vector<ScoredPart> parts;  // Empty where nothing may be chosen.
  std::string source;  // In words: where the choosing cases are from, or why there are none.
};

// Each group of `frames` is scored by what is chosen on all others. `group_of` is that of each
// frame; with less than two groups there is no part, and `source` says so.
ChoicePlan CrossFitted(const Predictions& frames, const std::vector<int>& group_of,
                       const std::string& source);

// Throws Error(kMismatch), naming the patient, when a part scores a patient that it chooses by.
void CheckChoice(const ChoicePlan& plan);

struct ThresholdRule {
  double sensitivity = 0.0;  // The required sensitivity, in (0,1]; 0: Youden's index.
};

// A test for "at least this grade" with thresholds that do not depend on the scored patients.
struct OperatingPoint {
  Dichotomy table;                 // Pooled over the parts.
  std::vector<double> thresholds;  // Of each part.
};

// By frame, or by patient: the mean of the probabilities of the frames on both sides. Nothing where
// a part's choosing cases are all of one side. Throws as CheckChoice().
std::optional<OperatingPoint> ChooseOperatingPoint(const ChoicePlan& plan, int threshold,
                                                   bool by_patient, const ThresholdRule& rule);

// The scored frames of all parts, part after part, with the probabilities that a temperature
// gives which was fitted to the choosing frames of each.
struct Recalibrated {
  Predictions before, after;
  std::vector<double> temperatures;  // Of each part.
};
// Nothing for a plan without parts. Throws as CheckChoice().
std::optional<Recalibrated> Recalibrate(const ChoicePlan& plan);

}  // namespace hepar
