// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/trainer/epoch_record.h"

namespace hepar {

// The results of a training run.
struct TrainingReport {
  std::string title, subtitle;
  std::vector<std::string> class_names;  // In the order of the grades.
  std::vector<std::string> terms;        // Names of EpochRecord::terms.
  std::vector<EpochRecord> history;
  int kept_epoch = 0;  // From 1, as in `history`; 0: none.
  // The final figures: for the parts "validation" and "test", or either or none, what
  // EvaluationToJson() gives, with the same of attacked pictures in "under_attack" and what attack
  // that was in its "attack" (name, steps, epsilon, scope). Figures that are not there are left
  // out.
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  // Name: value.
};

// The report as one HTML page that is well-formed XML, needs nothing beside itself and runs no
// script: how the terms, accuracies and class-wise schedules went over the epochs, the final
// figures with 95 % Wilson intervals by patient, confusion matrices and the options. It follows the
// reader's choice of light or dark, and prints. Equal reports give equal pages, byte for byte.
// Throws Error(kInvalid) for an epoch or matrix that does not fit the names.
std::string TrainingReportHtml(const TrainingReport& report);

}  // namespace hepar
