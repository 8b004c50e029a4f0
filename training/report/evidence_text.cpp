// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evidence_text.h"

#include <cmath>
#include <vector>

#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

constexpr const char* kLevels[] = {"frame", "patient"};

std::string IntervalText(const ordered_json* object, const std::string& key) {
  const ordered_json* ends = Find(object, key);
  if (ends == nullptr || !(*ends)[0].is_number()) return "-";
  return Fixed((*ends)[0], 3) + " to " + Fixed((*ends)[1], 3);
}

std::string Intervals(const ordered_json& figures) {
  Rows rows = {{"95 % intervals", "by frame", "", "by patient", ""}};
  for (const char* key :
       {"accuracy", "balanced_accuracy", "qwk", "auc_mild", "auc_moderate", "auc_severe"}) {
    std::vector<std::string> row = {key};
    for (const char* level : kLevels) {
      const ordered_json* one = Find(&figures, level);
      row.push_back(Fixed(NumberOf(one, key), 3));
      row.push_back(IntervalText(Find(one, "intervals"), key));
    }
    rows.push_back(row);
  }
  return FormatTable(rows);
}

std::string OperatingPoints(const ordered_json& figures) {
  const ordered_json* choice = Find(&figures, "choice");
  const ordered_json* possible = Find(choice, "possible");
  if (possible == nullptr) return "";
  if (*possible != true) {
    return "No thresholds or temperature are chosen: " + TextOf(choice, "source") + ".\n";
  }
  Rows rows = {{"at least", "sensitivity %", "specificity %", "PPV %", "NPV %"}};
  for (const char* level : kLevels) {
    const ordered_json* points = Find(Find(&figures, level), "operating_points");
    if (points == nullptr) continue;
    for (const auto& [name, point] : points->items()) {
      rows.push_back({name + ", by " + level});
      for (const char* key : {"sensitivity", "specificity", "ppv", "npv"}) {
        rows.back().push_back(Percent(NumberOf(&point, key)));
      }
    }
  }
  Rows calibration = {{"calibration", "ECE", "Brier", "NLL"}};
  for (const char* level : kLevels) {
    for (const char* when : {"before", "after"}) {
      const ordered_json* part = Find(Find(Find(&figures, level), "calibration"), when);
      calibration.push_back({std::string(when) + ", by " + level});
      for (const char* key : {"ece", "brier", "nll"}) {
        calibration.back().push_back(Fixed(NumberOf(part, key), 3));
      }
    }
  }
  return FormatTable(rows) + FormatTable(calibration) + "Thresholds and temperature chosen on " +
         TextOf(choice, "source") + ".\n";
}

std::string Corruptions(const ordered_json& figures) {
  const ordered_json* kinds = Find(Find(&figures, "corruptions"), "kinds");
  if (kinds == nullptr) return "";
  Rows rows = {{"accuracy by frame %", "1", "2", "3", "4", "5", "mean", "kept %"}};
  for (const auto& kind : *kinds) {
    rows.push_back({TextOf(&kind, "name")});
    for (const auto& level : kind.at("levels")) {
      rows.back().push_back(Percent(NumberOf(Find(&level, "frame"), "accuracy")));
    }
    for (const char* key : {"mean", "relative"}) {
      rows.back().push_back(Percent(NumberOf(Find(Find(&kind, key), "frame"), "accuracy")));
    }
  }
  return FormatTable(rows);
}

std::string Comparison(const ordered_json& figures) {
  const ordered_json* comparison = Find(&figures, "comparison");
  const ordered_json* patient = Find(comparison, "patient");
  if (patient == nullptr) return "";
  Rows rows = {{"by patient", "this", "other", "difference", "95 %", "p", "p, Holm"}};
  for (const auto& [name, figure] : patient->at("figures").items()) {
    rows.push_back(
        {name, Fixed(NumberOf(&figure, "first"), 3), Fixed(NumberOf(&figure, "second"), 3),
         Fixed(NumberOf(&figure, "difference"), 3), IntervalText(&figure, "interval"),
         Fixed(NumberOf(&figure, "p_value"), 4), Fixed(NumberOf(&figure, "holm_p_value"), 4)});
  }
  const ordered_json* right = Find(patient, "right_by");
  const ordered_json* mcnemar = Find(patient, "mcnemar");
  rows.push_back({"right by one only (McNemar)", Fixed(NumberOf(right, "only_first"), 0),
                  Fixed(NumberOf(right, "only_second"), 0), "", "",
                  Fixed(NumberOf(mcnemar, "p_value"), 4),
                  Fixed(NumberOf(mcnemar, "holm_p_value"), 4)});
  return FormatTable(rows);
}

}  // namespace

std::string EvidenceText(const ordered_json& figures) {
  std::string text;
  for (const std::string& table :
       {Intervals(figures), OperatingPoints(figures), Corruptions(figures), Comparison(figures)}) {
    if (!table.empty()) text += "\n" + table;
  }
  return text;
}

}  // namespace hepar
