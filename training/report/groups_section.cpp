// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

std::string SubgroupsSection(SectionContext& c) {
  const ordered_json* groups = Find(c.figures(), "subgroups");
  if (groups == nullptr || groups->empty()) return "";
  std::string bodies, rows, column;
  for (const auto& group : *groups) {
    if (TextOf(&group, "column") != column) {
      if (!rows.empty()) bodies += Tag("tbody", rows);
      rows.clear();
      column = TextOf(&group, "column");
    }
    const ordered_json* frame = Find(&group, "frame");
    const ordered_json* patient = Find(&group, "patient");
    std::string line = Head(column + ": " + TextOf(&group, "value")) +
                       Cell(Fixed(NumberOf(patient, "cases"), 0)) +
                       Cell(Fixed(NumberOf(frame, "cases"), 0));
    line += Cell(WithInterval(NumberOf(patient, "accuracy"),
                              IntervalOf(Find(patient, "wilson"), "accuracy"), true));
    line += Cell(WithInterval(NumberOf(frame, "accuracy"),
                              IntervalOf(Find(frame, "intervals"), "accuracy"), true));
    for (const char* key : {"qwk", "auc_mild", "auc_moderate", "auc_severe"}) {
      line += Cell(
          WithInterval(NumberOf(patient, key), IntervalOf(Find(patient, "intervals"), key), false));
    }
    rows += Tag("tr", line) + "\n";
  }
  bodies += Tag("tbody", rows);
  return Table(HeadRow({"", "patients", "frames", "accuracy, patients, %", "accuracy, frames, %",
                        "weighted κ", "AUC ≥ mild", "AUC ≥ moderate", "AUC ≥ severe"}),
               bodies) +
         Note(
             "κ and areas by patient. Intervals: Wilson for the accuracy by patient, resamples "
             "of the group’s patients for the rest. Small groups differ by chance alone: read "
             "the intervals, and consider the number of groups.");
}

std::string ComparisonSection(SectionContext& c) {
  const ordered_json* comparison = Find(c.figures(), "comparison");
  if (comparison == nullptr) return "";
  std::string bodies, counts;
  for (const Level& level : kLevels) {
    const ordered_json* one = Find(comparison, level.key);
    const ordered_json* figures = Find(one, "figures");
    if (figures == nullptr) continue;
    std::string rows;
    for (const auto& [key, figure] : figures->items()) {
      const auto row = std::find_if(std::begin(kMetricRows), std::end(kMetricRows),
                                    [&key = key](const MetricRow& r) { return key == r.key; });
      const bool percent = row != std::end(kMetricRows) && row->percent;
      std::string line =
          Head((row == std::end(kMetricRows) ? key : row->name) + std::string(", ") + level.name);
      line += Cell(ValueText(NumberOf(&figure, "first"), percent)) +
              Cell(ValueText(NumberOf(&figure, "second"), percent)) +
              Cell(WithInterval(NumberOf(&figure, "difference"), IntervalOf(&figure, "interval"),
                                percent)) +
              Cell(NumberText(NumberOf(&figure, "p_value"), 2)) +
              Cell(NumberText(NumberOf(&figure, "holm_p_value"), 2));
      rows += Tag("tr", line) + "\n";
    }
    const ordered_json* right = Find(one, "right_by");
    const auto n = [right](const char* key) { return Fixed(NumberOf(right, key), 0); };
    const double p = NumberOf(Find(one, "mcnemar"), "p_value");
    rows +=
        Tag("tr", Head(std::string("right by one only, ") + level.name) + Cell(n("only_first")) +
                      Cell(n("only_second")) +
                      Cell("<small>both " + n("both") + ", neither " + n("neither") + "</small>") +
                      Cell(NumberText(p, 2)) +
                      Cell(NumberText(NumberOf(Find(one, "mcnemar"), "holm_p_value"), 2))) +
        "\n";
    bodies += Tag("tbody", rows);
  }
  return Table(HeadRow({"", "this", "other", "difference", "p", "p, Holm"}), bodies) +
         Note("Other: " + TextOf(comparison, "name") +
              ". Intervals and p-values of differences by resampling patients, the same in both; "
              "the last line of patients is McNemar’s exact test, which frames of one patient "
              "are too alike for. Holm’s correction is over the tests of each level.");
}

}  // namespace hepar
