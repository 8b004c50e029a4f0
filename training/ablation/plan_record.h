// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hepar {

// What is known of the plans of an ablation's folder, kept in its `plan.json`: each plan file that
// was run there, by digest and time, so that a plan that was changed after looking at results is
// told from one that was written before.
struct PlanRecord {
  std::string sha256;            // Of the plan file as it is now.
  std::string recorded;          // UTC, of the first plan of the folder, as "2026-01-31T12:00:00Z".
  bool before_first_run = true;  // Whether no result was there when that was recorded.
  int changes = 0;               // Plans after the first that differ from the one before.
  bool changed_now = false;      // Whether this call recorded one.
  // Classifier and variant of all plans of the folder, those that a later plan left out too.
  std::vector<std::string> configurations;

  nlohmann::ordered_json ToJson() const;
  // A sentence on when the plan was written and how many configurations were looked at.
  std::string Sentence() const;
};

// Reads the record of `folder`, adds the plan file `plan` with its configurations where it is not
// the last one recorded, and writes the record, unless `look_only`. `has_results`: whether runs of
// the folder are done already. Throws Error: kNotFound and kUnreadable (either file), kDamaged (a
// record that is none).
PlanRecord RecordPlan(const std::string& folder, const std::string& plan,
                      const std::vector<std::string>& configurations, bool has_results,
                      bool look_only);

}  // namespace hepar
