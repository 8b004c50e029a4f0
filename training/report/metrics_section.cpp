// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <cmath>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

std::string HeadlineNote(SectionContext& c) {
  const ordered_json* bootstrap = Find(c.figures(), "bootstrap");
  const double resamples = NumberOf(bootstrap, "resamples");
  const std::string intervals =
      resamples > 0
          ? "Numbers in small type are 95 % percentile intervals over " + Fixed(resamples, 0) +
                " resamples of patients (seed " + Fixed(NumberOf(bootstrap, "seed"), 0) +
                "): all frames of a patient are drawn together. An interval without width means "
                "that no resample differs, not that the figure is certain. The calibration error "
                "has none, as resampling itself adds to it. "
          : "There are no resamples. ";
  return Note(intervals +
              "Average accuracy is pooled over the cases, "
              "balanced accuracy is the mean of the classes’ accuracies (recalls), best − worst "
              "their range. A patient is graded by the mean of the probabilities of the frames. "
              "Chance: answers drawn from the shares of the classes.");
}

// Proportions of patients, which are independent.
std::string WilsonTable(SectionContext& c) {
  const ordered_json* patient = Find(c.figures(), "patient");
  const ordered_json* wilson = Find(patient, "wilson");
  if (wilson == nullptr) return "";
  std::string rows;
  const auto add = [&](const std::string& name, double cases, double value,
                       const Interval& interval) {
    rows += Tag("tr", Head(name) + Cell(Fixed(cases, 0)) +
                          Cell(Fixed(std::isnan(value) ? 0.0 : std::round(value * cases), 0)) +
                          Cell(WithInterval(value, interval, true))) +
            "\n";
  };
  add("accuracy", NumberOf(patient, "cases"), NumberOf(patient, "accuracy"),
      IntervalOf(wilson, "accuracy"));
  add("within one grade", NumberOf(patient, "cases"), NumberOf(patient, "within_one"),
      IntervalOf(wilson, "within_one"));
  for (const std::string& name : c.report().class_names) {
    add("accuracy of " + name, NumberOf(Find(patient, "per_class_cases"), name),
        NumberOf(Find(patient, "per_class"), name), IntervalOf(Find(wilson, "per_class"), name));
  }
  return "<h3>Proportions of patients, with Wilson intervals</h3>\n" +
         Table(HeadRow({"", "n", "right", "%"}), Tag("tbody", rows));
}

}  // namespace

std::string TilesSection(SectionContext& c) {
  const ordered_json* patient = Find(c.figures(), "patient");
  const ordered_json* intervals = Find(patient, "intervals");
  std::string tiles;
  const auto add = [&](const std::string& name, const std::string& key, bool percent) {
    const double value = NumberOf(patient, key);
    if (std::isnan(value)) return;
    const Interval interval = IntervalOf(intervals, key);
    std::string words = name + ", by patient";
    if (!std::isnan(interval.low)) {
      words +=
          "; 95 %: " + ValueText(interval.low, percent) + "–" + ValueText(interval.high, percent);
    }
    tiles += Tile(ValueText(value, percent) + (percent ? " %" : ""), words);
  };
  add("accuracy", "accuracy", true);
  add("balanced accuracy", "balanced_accuracy", true);
  add("quadratic weighted κ", "qwk", false);
  add("AUC, at least mild", "auc_mild", false);
  add("AUC, at least moderate", "auc_moderate", false);
  add("AUC, at least severe", "auc_severe", false);
  return tiles;
}

std::string HeadlineSection(SectionContext& c) {
  if (Find(c.figures(), "frame") == nullptr) return "";
  std::string cases = Tag("th", "cases");
  std::string rows, per_class;
  for (const Level& level : kLevels) {
    cases += Cell(Fixed(NumberOf(c.LevelOf(level), "cases"), 0)) + Cell("");
  }
  cases = Tag("tr", cases) + "\n";
  const auto chance_of = [&](const Level& level) {
    return Find(Find(c.figures(), "chance"), level.key);
  };
  for (const MetricRow& row : kMetricRows) {
    std::string line = Head(row.name);
    for (const Level& level : kLevels) {
      const ordered_json* figures = c.LevelOf(level);
      line +=
          Cell(WithInterval(NumberOf(figures, row.key),
                            IntervalOf(Find(figures, "intervals"), row.key), row.percent)) +
          Tag("td class=\"chance\"", ValueText(NumberOf(chance_of(level), row.key), row.percent));
    }
    rows += Tag("tr", line) + "\n";
  }
  for (const std::string& name : c.report().class_names) {
    std::string line = Head("accuracy of " + name + ", %");
    for (const Level& level : kLevels) {
      const ordered_json* figures = c.LevelOf(level);
      const double cases_of = NumberOf(Find(figures, "per_class_cases"), name);
      line +=
          Cell(WithInterval(NumberOf(Find(figures, "per_class"), name),
                            IntervalOf(Find(Find(figures, "intervals"), "per_class"), name), true) +
               " <small>n=" + Fixed(cases_of, 0) + "</small>") +
          Tag("td class=\"chance\"",
              ValueText(NumberOf(Find(chance_of(level), "per_class"), name), true));
    }
    per_class += Tag("tr", line) + "\n";
  }
  for (const std::string& name : c.report().class_names) {
    std::string line = Head("specificity of " + name + ", %");
    for (const Level& level : kLevels) {
      line +=
          Cell(ValueText(NumberOf(Find(c.LevelOf(level), "per_class_specificity"), name), true)) +
          Cell("");
    }
    per_class += Tag("tr", line) + "\n";
  }
  return Table(HeadRow({"", "by frame", "chance", "by patient", "chance"}),
               Tag("tbody", cases + rows) + Tag("tbody", per_class)) +
         WilsonTable(c) + HeadlineNote(c);
}

std::string MatricesSection(SectionContext& c) {
  std::string text;
  for (const Level& level : kLevels) {
    if (const auto matrix = MatrixOf(c.LevelOf(level), c.Classes())) {
      text += MatrixTable(*matrix, c.report().class_names, Capitalized(level.name));
    }
  }
  if (text.empty()) return "";
  return "<div class=\"matrices\">\n" + text + "</div>\n" +
         Note("Counts, and their shares of the row: of the cases that are of that class.");
}

}  // namespace hepar
