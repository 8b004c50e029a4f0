// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include "training/report/baseline_report.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"

namespace hepar {

using nlohmann::ordered_json;

std::string BaselineVerdictMarkup(const ordered_json* baselines) {
  const std::string verdict = baselines == nullptr ? "" : BaselineVerdict(*baselines);
  if (verdict.empty()) return "";
  const bool beats = baselines->at("beats_baseline").get<bool>();
  return Tag(beats ? "p class=\"note\"" : "p class=\"notice\"", EscapeMarkup(verdict + ".")) + "\n";
}

std::string BaselineTable(const ordered_json* baselines) {
  if (baselines == nullptr) return "";
  constexpr const char* kAreas[] = {"auc_mild", "auc_moderate", "auc_severe"};
  std::string rows;
  const auto add = [&](const std::string& name, const ordered_json& entry) {
    std::string line = Head(name);
    for (const char* key : kAreas) {
      line += Cell(
          WithInterval(NumberOf(&entry, key), IntervalOf(Find(&entry, "intervals"), key), false));
    }
    for (const char* key : kAreas) {
      const ordered_json* minus = Find(Find(&entry, "model_minus"), key);
      line +=
          Cell(WithInterval(NumberOf(minus, "difference"), IntervalOf(minus, "interval"), false));
    }
    rows += Tag("tr", line) + "\n";
  };
  if (const ordered_json* model = Find(baselines, "model")) add("this model", *model);
  for (const auto& row : baselines->at("rows")) {
    add(TextOf(&row, "title") + (row.at("fitted").get<bool>() ? ", fitted" : ""), row);
  }
  return Table(HeadRow({"AUC by patient", "≥ mild", "≥ moderate", "≥ severe",
                        "model − baseline: ≥ mild", "≥ moderate", "≥ severe"}),
               Tag("tbody", rows)) +
         Note(
             "Measured in the middle third of the pictures that the network receives. Only the "
             "last row is fitted: a proportional-odds model of the others, fitted to " +
             TextOf(baselines, "fit") +
             ". The direction of the others comes from physics. Intervals of areas and of "
             "differences use the same resamples of patients. There is no liver-kidney contrast, "
             "because the program does not find a kidney.");
}

std::string VerdictSection(SectionContext& c) {
  return BaselineVerdictMarkup(Find(c.figures(), "baselines"));
}

std::string BaselinesSection(SectionContext& c) {
  return BaselineTable(Find(c.figures(), "baselines"));
}

}  // namespace hepar
