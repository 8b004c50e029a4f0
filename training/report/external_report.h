// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/physical_baselines.h"
#include "training/report/state_report.h"

namespace hepar {

// A set of scans that nothing was chosen on, and what the models said of it: of several models the
// frames stand here once for each.
struct ExternalScores {
  std::string name;
  std::string digest;  // Of the data set; empty where it has none.
  TruthKind truth = TruthKind::kNone;
  Predictions frames;
  std::vector<FrameState> states;  // Empty where the models cannot tell views.
  MeasuredFrames measured;         // Each frame once.
};

// "name", "digest", "labels" ("grades", "fatty" or "none"), "frames" (how many), "patients",
// "states" (StatesToJson()), and by what the labels tell: "frame" and "patient" with "intervals" as
// in an evaluation (of "fatty" with the classes normal and fatty, so that only what is said of "at
// least mild" means anything), "baselines" and "beats_baseline" (BaselinesToJson()).
nlohmann::ordered_json ExternalToJson(const ExternalScores& scores,
                                      const std::vector<std::string>& class_names,
                                      const BootstrapOptions& bootstrap, bool withhold_unfamiliar);

// Tables for a terminal, of all sets.
std::string ExternalText(const nlohmann::ordered_json& sets);

}  // namespace hepar
