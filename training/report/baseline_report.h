// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/physical_baselines.h"

namespace hepar {

struct BaselineInput {
  MeasuredFrames frames;      // Measured from the prepared pictures.
  std::vector<int> group_of;  // Of each frame, as OrdinalAnswers() takes it; may be empty.
  // The model's answers to the same frames, in any order and as often as there are models; empty
  // where there is none to compare.
  Predictions model;
  int grades = 4;          // K.
  int last_threshold = 3;  // The highest grade that the labels tell: 1 for "fatty or not".
  BootstrapOptions bootstrap;
};

// Simple image measurements as baselines, by patient, beside the model:
//  "rows": of each baseline "name", "title", "fitted", "auc_mild", "auc_moderate", "auc_severe",
//    "intervals", and with a model "model_minus": the same keys, each "difference" and "interval"
//    over resamples of patients. The last row is the ordinal model of all of them, left out where
//    somebody cannot be left out without leaving one grade only;
//  "fit": in words, on whom that is fitted;
//  "model": the model's areas;
//  "beats_baseline": whether the model's area is above that of every row for every grade; null
//    where no area can be told;
//  "not_beaten": "name", "title", "grade", "baseline", "model" where it is not.
// Throws what OrdinalAnswers() does, Error(kMismatch) where model and frames differ in patients.
nlohmann::ordered_json BaselinesToJson(const BaselineInput& input);

// The sentence for the first page: whether the model beats the simple image measurements. "" where
// nothing can be said.
std::string BaselineVerdict(const nlohmann::ordered_json& baselines);

// A table for a terminal, with the verdict.
std::string BaselinesText(const nlohmann::ordered_json& baselines);

}  // namespace hepar
