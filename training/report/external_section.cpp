// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <cmath>
#include <utility>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

std::string StatesTable(const ordered_json* states) {
  if (states == nullptr) return "";
  constexpr std::pair<const char*, const char*> kStates[] = {
      {"graded", "graded"},
      {"uncertain", "uncertain"},
      {"unfamiliar", "unfamiliar scanner or setting"},
      {"not_liver", "not a liver view"},
      {"liver", "all liver views"},
      {"all", "all"}};
  std::string rows;
  for (const auto& [key, name] : kStates) {
    const ordered_json* one = Find(states, key);
    rows += Tag("tr", Head(name) + Cell(Fixed(NumberOf(one, "frames"), 0)) +
                          Cell(ValueText(NumberOf(one, "share"), true)) +
                          Cell(ValueText(NumberOf(one, "mean_confidence"), true)) +
                          Cell(ValueText(NumberOf(one, "accuracy"), true))) +
            "\n";
  }
  const ordered_json* withheld = Find(states, "withhold_unfamiliar");
  std::string note = "Each frame by itself, as heparclassify decides without smoothing. ";
  note += withheld != nullptr && *withheld == true
              ? "Unfamiliar frames get no grade. "
              : "Unfamiliar frames are graded, with wider probabilities. ";
  if (const ordered_json* sure = Find(states, "sure_normal")) {
    note += "Of " + Fixed(NumberOf(sure, "fatty"), 0) + " graded frames of fatty livers, " +
            Fixed(NumberOf(sure, "called"), 0) + " are graded normal with a probability above " +
            Fixed(NumberOf(sure, "above"), 1) + ".";
  }
  return Table(HeadRow({"", "frames", "%", "mean confidence, %", "accuracy, %"}),
               Tag("tbody", rows)) +
         Note(note);
}

std::string MetricsTable(const ordered_json& set) {
  const ordered_json* patient = Find(&set, "patient");
  if (patient == nullptr) return "";
  std::string rows;
  for (const MetricRow& row : kMetricRows) {
    if (std::isnan(NumberOf(patient, row.key))) continue;
    const auto cell = [&](const char* level) {
      const ordered_json* figures = Find(&set, level);
      return Cell(WithInterval(NumberOf(figures, row.key),
                               IntervalOf(Find(figures, "intervals"), row.key), row.percent));
    };
    rows += Tag("tr", Head(row.name) + cell("frame") + cell("patient")) + "\n";
  }
  return Table(HeadRow({"", "by frame", "by patient"}), Tag("tbody", rows));
}

std::string LabelsText(const std::string& labels) {
  if (labels == "grades") return "graded.";
  if (labels == "fatty") return "labeled fatty or not: only “at least mild” is meaningful.";
  return "without labels.";
}

}  // namespace

std::string StatesSection(SectionContext& c) { return StatesTable(Find(c.figures(), "states")); }

std::string ExternalSection(SectionContext& c) {
  const ordered_json* sets = Find(c.figures(), "external");
  if (sets == nullptr) return "";
  std::string text =
      Note("Nothing was chosen on these sets: no model, no threshold, no temperature.");
  for (const auto& set : *sets) {
    const ordered_json* baselines = Find(&set, "baselines");
    text += Tag("h3", EscapeMarkup(TextOf(&set, "name"))) + "\n" +
            Note(Fixed(NumberOf(&set, "frames"), 0) + " frames of " +
                 Fixed(NumberOf(&set, "patients"), 0) + " patients, " +
                 LabelsText(TextOf(&set, "labels"))) +
            MetricsTable(set) + BaselineVerdictMarkup(baselines) + BaselineTable(baselines) +
            StatesTable(Find(&set, "states"));
  }
  return text;
}

}  // namespace hepar
