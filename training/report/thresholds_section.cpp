// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <cmath>
#include <limits>
#include <utility>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::string RocCurvesSection(SectionContext& c) {
  std::string charts;
  for (const Level& level : kLevels) {
    const ordered_json* curves = Find(c.LevelOf(level), "roc");
    if (curves == nullptr) continue;
    LineChart chart = SquareOfShares("1 − specificity, %", "sensitivity, %");
    bool marked = false;
    for (const auto& [name, points] : curves->items()) {
      ChartSeries series;
      series.name = "at least " + name;
      for (const auto& point : points) {
        series.x.push_back(point[0]);
        series.values.push_back(point[1]);
      }
      const ordered_json* chosen = Find(Find(c.LevelOf(level), "operating_points"), name);
      const double sensitivity = NumberOf(chosen, "sensitivity");
      const double specificity = NumberOf(chosen, "specificity");
      if (!series.x.empty() && !std::isnan(sensitivity) && !std::isnan(specificity)) {
        series.marks.push_back({1.0 - specificity, sensitivity,
                                "chosen: sensitivity " + PercentText(sensitivity) +
                                    " %, specificity " + PercentText(specificity) + " %"});
      }
      marked = marked || !series.marks.empty();
      chart.series.push_back(std::move(series));
    }
    ChartSeries chance;
    chance.name = "chance";
    chance.x = chance.values = {0.0, 1.0};
    chance.reference = true;
    chart.series.push_back(std::move(chance));
    charts += c.AddFigure(std::string("ROC, ") + level.name,
                          marked ? "Circles: the thresholds that were chosen on other patients."
                                 : "From the strictest threshold, lower left, to the loosest.",
                          chart);
  }
  return Charts(charts);
}

std::string OperatingPointsSection(SectionContext& c) {
  const ordered_json* choice = Find(c.figures(), "choice");
  if (choice == nullptr) return "";
  const ordered_json* possible = Find(choice, "possible");
  if (possible == nullptr || *possible != true) {
    return Note("No thresholds are shown: " + TextOf(choice, "source") + ".");
  }
  std::string bodies;
  for (const Level& level : kLevels) {
    std::string rows;
    const ordered_json* points = Find(c.LevelOf(level), "operating_points");
    if (points == nullptr) continue;
    for (const auto& [name, point] : points->items()) {
      std::string line = Head("at least " + name + ", " + level.name);
      if (!point.is_object()) {
        line += Tag("td colspan=\"6\"",
                    "– the patients to choose by are all on one side of this grade");
        rows += Tag("tr", line) + "\n";
        continue;
      }
      const auto count = [&point](const char* key) { return point.at(key).get<int>(); };
      std::string thresholds;
      for (const auto& value : point.at("thresholds")) {
        const double threshold = value.is_number() ? value.get<double>() : kNan;
        thresholds += (thresholds.empty() ? "" : ", ") + NumberText(threshold, 3);
      }
      line += Cell(std::to_string(count("true_positives") + count("false_negatives")) + " / " +
                   std::to_string(count("true_negatives") + count("false_positives"))) +
              Cell("<small>" + thresholds + "</small>");
      for (const char* key : {"sensitivity", "specificity", "ppv", "npv"}) {
        line += Cell(
            WithInterval(NumberOf(&point, key), IntervalOf(Find(&point, "wilson"), key), true));
      }
      rows += Tag("tr", line) + "\n";
    }
    bodies += Tag("tbody", rows);
  }
  const std::string rule =
      TextOf(choice, "rule") == "youden"
          ? "largest sensitivity + specificity (Youden)"
          : "sensitivity of at least " + PercentText(NumberOf(choice, "wished_sensitivity")) + " %";
  return "<h3>As tests for a grade, at thresholds chosen on other patients</h3>\n" +
         Table(HeadRow({"", "with / without", "threshold", "sensitivity, %", "specificity, %",
                        "PPV, %", "NPV, %"}),
               bodies) +
         Note("Chosen on " + TextOf(choice, "source") + ", by the rule: " + rule +
              ". A threshold is of the sum of the probabilities from that grade on. Small figures "
              "are Wilson intervals by patient, for the thresholds as they are; predictive values "
              "hold at the prevalence of this set.");
}

}  // namespace hepar
