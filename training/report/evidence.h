// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The figures of `hepar evaluate` as JSON: what --json writes, and what its report shows.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/choice.h"
#include "training/evaluation/subgroups.h"
#include "training/scoring/corruptions.h"

namespace hepar {

struct EvidenceInput {
  std::vector<std::string> class_names;
  Predictions frames;
  // The frames that thresholds and temperature are chosen on. Its parts together score the frames,
  // in any order; where it has none, thresholds and temperature are left out.
  ChoicePlan plan;
  ThresholdRule rule;
  BootstrapOptions bootstrap;
  std::optional<PatientTable> patients;  // For tables of subgroups.
};

// EvaluationToJson(), and by frame and patient: "intervals", by patient "wilson", "roc",
// "operating_points", "calibration" before and after a temperature, "abstention"; also "bootstrap",
// "choice" and "subgroups". docs/evaluation.md lists the keys.
nlohmann::ordered_json EvidenceToJson(const EvidenceInput& input);

// Two sets of models on the same frames: "frame" and "patient", as Compare().
nlohmann::ordered_json ComparisonToJson(const Predictions& first, const Predictions& second,
                                        const std::vector<std::string>& class_names,
                                        const BootstrapOptions& bootstrap);

// Answers to corrupted images.
struct CorruptedAnswers {
  Corruption corruption = Corruption::kSpeckle;
  int strength = 1;
  Predictions frames;
};

// Accuracies and areas by corruption and strength, their means over the strengths, and those
// relative to the clean ones. Throws Error(kInvalid) unless each corruption comes with all
// strengths, in order.
nlohmann::ordered_json CorruptionsToJson(const Predictions& clean,
                                         const std::vector<CorruptedAnswers>& corrupted,
                                         const std::vector<std::string>& class_names);

}  // namespace hepar
