// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the sections of the report of `hepar evaluate` are made of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/evaluation/statistics.h"
#include "training/report/evaluation_html.h"
#include "training/report/svg_chart.h"

namespace hepar {

// Metrics by frame and by patient, by their keys in the JSON.
struct Level {
  const char* key;
  const char* name;
};
inline constexpr Level kLevels[] = {{"frame", "by frame"}, {"patient", "by patient"}};

// The interval [low, high] that a member holds; NaN for none.
Interval IntervalOf(const nlohmann::ordered_json* object, const std::string& key);

// An empty chart of one share, 0 to 1, over another.
LineChart SquareOfShares(const std::string& x_name, const std::string& y_name);

// A metric as a table shows it: in percent, or with three digits; "–" for NaN.
std::string ValueText(double value, bool percent);
// The same with its interval in small type.
std::string WithInterval(double value, const Interval& interval, bool percent);

std::string Cell(const std::string& markup);
std::string Head(const std::string& text);
std::string HeadRow(const std::vector<std::string>& names);
std::string Table(const std::string& head, const std::string& bodies, const std::string& css = "");
// "" for no content.
std::string Section(const std::string& title, const std::string& content);
std::string Note(const std::string& text);
std::string Charts(const std::string& figures);

// A metric in tables: its name and its key in the JSON.
struct MetricRow {
  const char* name;
  const char* key;
  bool percent;
};
inline constexpr MetricRow kMetricRows[] = {{"average (pooled) accuracy, %", "accuracy", true},
                                            {"balanced accuracy, %", "balanced_accuracy", true},
                                            {"best − worst class, %", "best_worst", true},
                                            {"within one grade, %", "within_one", true},
                                            {"quadratic weighted κ", "qwk", false},
                                            {"mean error, grades", "mae", false},
                                            {"AUC, at least mild", "auc_mild", false},
                                            {"AUC, at least moderate", "auc_moderate", false},
                                            {"AUC, at least severe", "auc_severe", false},
                                            {"macro F1", "macro_f1", false},
                                            {"Cohen’s κ", "kappa", false},
                                            {"Matthews’ correlation", "mcc", false},
                                            {"calibration error (ECE)", "ece", false},
                                            {"Brier score", "brier", false},
                                            {"negative log-likelihood", "nll", false}};

// The report that a section is part of.
class SectionContext {
 public:
  // `report` must outlive this.
  explicit SectionContext(const EvaluationReport& report) : report_(report) {}

  const EvaluationReport& report() const { return report_; }
  const nlohmann::ordered_json* figures() const { return &report_.figures; }
  int Classes() const { return static_cast<int>(report_.class_names.size()); }
  // The figures of a level; null for none.
  const nlohmann::ordered_json* LevelOf(const Level& level) const;
  // A member of the figures; an empty object for none.
  nlohmann::ordered_json Child(const std::string& key) const;

  // The markup of a numbered figure; "" for a chart without values.
  std::string AddFigure(const std::string& title, const std::string& caption, LineChart chart);

 private:
  const EvaluationReport& report_;
  int count_ = 0;  // Figures so far.
};

}  // namespace hepar
