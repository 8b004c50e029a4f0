// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <algorithm>
#include <utility>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

ChartSeries Reliability(const std::string& name, const ordered_json* calibration) {
  ChartSeries series;
  series.name = name;
  series.dots = true;
  const ordered_json* bins = Find(calibration, "reliability");
  if (bins == nullptr) return series;
  for (const auto& bin : *bins) {
    if (bin.at("cases").get<int>() == 0) continue;
    series.x.push_back(NumberOf(&bin, "confidence"));
    series.values.push_back(NumberOf(&bin, "accuracy"));
    series.notes.push_back("n = " + std::to_string(bin.at("cases").get<int>()));
  }
  return series;
}

}  // namespace

std::string CalibrationSection(SectionContext& c) {
  std::string charts, rows;
  bool any_after = false;
  for (const Level& level : kLevels) {
    const ordered_json* calibration = Find(c.LevelOf(level), "calibration");
    if (calibration == nullptr) continue;
    LineChart chart = SquareOfShares("confidence, %", "accuracy, %");
    const ordered_json* fitted = Find(calibration, "after");
    const bool has_after = fitted != nullptr && fitted->is_object();
    any_after = any_after || has_after;
    for (const char* when : {"before", "after"}) {
      const ordered_json* part = Find(calibration, when);
      if (part == nullptr || !part->is_object()) continue;
      // Without an "after", there is nothing that "before" would be before.
      const std::string name = has_after ? when : "this model";
      ChartSeries series = Reliability(name, part);
      if (!series.x.empty()) chart.series.push_back(std::move(series));
      std::string line = Head(name + ", " + level.name);
      for (const char* key : {"ece", "brier", "nll"}) {
        line += Cell(ValueText(NumberOf(part, key), false));
      }
      rows += Tag("tr", line) + "\n";
    }
    ChartSeries ideal;
    ideal.name = "ideal";
    ideal.x = ideal.values = {0.0, 1.0};
    ideal.reference = true;
    chart.series.push_back(std::move(ideal));
    charts +=
        c.AddFigure(std::string("Reliability, ") + level.name,
                    "Accuracy of answers by their confidence, in ten bins of equal width. Pointing "
                    "at a dot shows its n.",
                    chart);
  }
  if (charts.empty()) return "";
  const ordered_json* choice = Find(c.figures(), "choice");
  std::string temperatures;
  if (const ordered_json* values = Find(choice, "temperatures")) {
    for (const auto& value : *values) {
      temperatures += (temperatures.empty() ? "" : ", ") + NumberText(value, 3);
    }
  }
  const std::string note = any_after
                               ? "After: with the temperature " + temperatures + ", fitted on " +
                                     TextOf(choice, "source") + "."
                               : "No temperature is fitted: " + TextOf(choice, "source") + ".";
  return Charts(charts) +
         Table(HeadRow({any_after ? "temperature scaling" : "", "ECE", "Brier score",
                        "negative log-likelihood"}),
               Tag("tbody", rows)) +
         Note(note);
}

std::string AbstentionSection(SectionContext& c) {
  LineChart chart;
  chart.x_name = "coverage: share of cases that get an answer, %";
  chart.y_name = "accuracy of those, %";
  chart.percent = chart.x_percent = true;
  chart.high = 1.0;
  chart.x_range = {0.0, 1.0};
  std::string rows;
  for (const Level& level : kLevels) {
    const ordered_json* abstention = Find(c.LevelOf(level), "abstention");
    const ordered_json* points = Find(abstention, "points");
    if (points == nullptr || points->empty()) continue;
    ChartSeries series;
    series.name = level.name;
    std::string line = Head(level.name) + Cell(ValueText(NumberOf(abstention, "area"), true));
    for (const auto& point : *points) {
      series.x.push_back(NumberOf(&point, "coverage"));
      series.values.push_back(NumberOf(&point, "accuracy"));
    }
    for (const double coverage : {1.0, 0.9, 0.8, 0.7, 0.5}) {
      const auto reached =
          std::find_if(points->begin(), points->end(), [coverage](const ordered_json& point) {
            return point.at("coverage").get<double>() >= coverage - 1e-9;
          });
      line += Cell(reached == points->end() ? "–" : PercentText(NumberOf(&*reached, "accuracy")));
    }
    rows += Tag("tr", line) + "\n";
    chart.series.push_back(std::move(series));
  }
  if (rows.empty()) return "";
  return Charts(c.AddFigure("Accuracy against coverage",
                            "With the least confident answers withheld.", chart)) +
         Table(HeadRow({"accuracy, %", "mean (area)", "of all", "of 90 %", "of 80 %", "of 70 %",
                        "of 50 %"}),
               Tag("tbody", rows)) +
         Note("Cases of equal confidence share their hits evenly.");
}

}  // namespace hepar
