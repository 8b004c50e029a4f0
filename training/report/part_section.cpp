// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/part_section.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "training/evaluation/agreement.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/statistics.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

struct Level {
  const char* key;
  const char* name;
  bool independent;  // Whether its cases are, as intervals suppose.
};
constexpr Level kLevels[] = {{"frame", "by frame", false}, {"patient", "by patient", true}};

int Hits(const ConfusionMatrix& matrix) {
  int hits = 0;
  for (int k = 0; k < matrix.classes(); ++k) hits += matrix.at(k, k);
  return hits;
}

struct Column {
  std::string name;
  const ordered_json* figures;
  std::optional<ConfusionMatrix> matrix;  // Where intervals may be given.
};
struct Row {
  std::string name;
  std::function<double(const ordered_json*)> figure;
  bool percent = false;
  // (hits, cases) of a proportion.
  std::function<std::pair<int, int>(const ConfusionMatrix&)> counts;
  bool whole = false;
};

void AddColumn(const std::string& name, const ordered_json* figures, bool with_intervals,
               int classes, std::vector<Column>* columns) {
  if (figures == nullptr) return;
  columns->push_back({name, figures, with_intervals ? MatrixOf(figures, classes) : std::nullopt});
}

Row Plain(const std::string& name, const std::string& key) {
  return {name, [key](const ordered_json* figures) { return NumberOf(figures, key); }, false, {}};
}

Row OfHundred(const std::string& name, const std::string& key) {
  Row row = Plain(name + ", %", key);
  row.percent = true;
  return row;
}

std::vector<Row> Accuracies(const std::vector<std::string>& classes) {
  Row cases = Plain("cases", "cases");
  cases.whole = true;
  Row accuracy = OfHundred("average (pooled) accuracy", "accuracy");
  accuracy.counts = [](const ConfusionMatrix& matrix) {
    return std::pair(Hits(matrix), matrix.total());
  };
  std::vector<Row> rows = {cases, accuracy, OfHundred("balanced accuracy", "balanced_accuracy"),
                           OfHundred("best − worst class", "best_worst")};
  for (int k = 0; k < static_cast<int>(classes.size()); ++k) {
    const std::string& name = classes[k];
    rows.push_back(
        {"accuracy of " + name + ", %",
         [name](const ordered_json* figures) { return NumberOf(Find(figures, "per_class"), name); },
         true,
         [k](const ConfusionMatrix& matrix) {
           return std::pair(matrix.at(k, k), matrix.count(k));
         }});
  }
  return rows;
}

std::vector<Row> Agreement() {
  return {
      Plain("quadratic weighted κ", "qwk"),       Plain("Cohen’s κ", "kappa"),
      Plain("Matthews’ correlation", "mcc"),      Plain("macro F1", "macro_f1"),
      Plain("mean error, grades", "mae"),         OfHundred("within one grade", "within_one"),
      Plain("AUC, at least mild", "auc_mild"),    Plain("AUC, at least moderate", "auc_moderate"),
      Plain("AUC, at least severe", "auc_severe")};
}

std::vector<Row> Calibration() {
  return {Plain("calibration error (ECE)", "ece"), Plain("Brier score", "brier"),
          Plain("negative log-likelihood", "nll")};
}

// Those for which any column has a figure.
std::string Rows(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    bool any = false;
    std::string line = Tag("th", EscapeMarkup(row.name));
    for (const Column& column : columns) {
      const double value = row.figure(column.figures);
      any = any || !std::isnan(value);
      std::string cell = row.percent         ? PercentText(value)
                         : std::isnan(value) ? "–"
                                             : Fixed(value, row.whole ? 0 : 3);
      if (row.counts && column.matrix) {
        const auto [hits, cases] = row.counts(*column.matrix);
        if (cases > 0) cell += " <small>" + PercentText(WilsonInterval(hits, cases)) + "</small>";
      }
      line += Tag(column.name == "chance" ? "td class=\"chance\"" : "td", cell);
    }
    if (any) text += Tag("tr", line) + "\n";
  }
  return text;
}

std::string AttackText(const ordered_json* attack) {
  const ordered_json* name = Find(attack, "name");
  if (name == nullptr || !name->is_string()) return "";
  std::string text = name->get<std::string>();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  if (const double steps = NumberOf(attack, "steps"); !std::isnan(steps)) {
    text += ", " + Fixed(steps, 0) + " steps";
  }
  if (const double epsilon = NumberOf(attack, "epsilon"); !std::isnan(epsilon)) {
    text += ", ε = " + NumberText(255.0 * epsilon) + "/255";
  }
  const ordered_json* scope = Find(attack, "scope");
  if (scope != nullptr && *scope == "end2end") text += ", end to end";
  return text;
}

}  // namespace

PartSection::PartSection(const TrainingReport& report, const std::string& part)
    : classes_(report.class_names), part_(part), figures_(Find(&report.metrics, part)) {}

std::string PartSection::Figures() const {
  std::vector<Column> columns;
  for (const Level& level : kLevels) {
    AddColumn(level.name, Find(figures_, level.key), level.independent, Classes(), &columns);
    AddColumn("chance", Find(Find(figures_, "chance"), level.key), false, Classes(), &columns);
  }
  const ordered_json* attacked = Find(figures_, "under_attack");
  for (const Level& level : kLevels) {
    AddColumn(std::string("attacked, ") + level.name, Find(attacked, level.key), level.independent,
              Classes(), &columns);
  }
  if (columns.empty()) return "";

  std::string head = "<tr><th></th>";
  for (const Column& column : columns) head += Tag("th", EscapeMarkup(column.name));
  std::string body;
  for (const auto& group : {Accuracies(classes_), Agreement(), Calibration()}) {
    const std::string rows = Rows(columns, group);
    if (!rows.empty()) body += Tag("tbody", rows);
  }
  std::string text = "<h3>" + Capitalized(part_) + " part</h3>\n<div class=\"wide\"><table>\n" +
                     Tag("thead", head + "</tr>") + "\n" + body + "</table></div>\n";
  if (const std::string attack = AttackText(Find(attacked, "attack")); !attack.empty()) {
    text += "<p class=\"note\">Attacked: " + EscapeMarkup(attack) + ".</p>\n";
  }
  return text + Tests();
}

std::string PartSection::Matrices() const {
  std::string text;
  for (const bool attacked : {false, true}) {
    const ordered_json* figures = attacked ? Find(figures_, "under_attack") : figures_;
    for (const Level& level : kLevels) {
      if (const auto matrix = MatrixOf(Find(figures, level.key), Classes())) {
        text += MatrixTable(
            *matrix, classes_,
            Capitalized(part_) + " part, " + level.name + (attacked ? ", attacked" : ""));
      }
    }
  }
  return text;
}

std::string PartSection::Tiles() const {
  const ordered_json* patient = Find(figures_, "patient");
  const ordered_json* attacked = Find(Find(figures_, "under_attack"), "patient");
  const auto percent = [](double value) { return PercentText(value) + " %"; };
  std::string text;
  const auto add = [&](const std::string& name, double value, const std::string& shown) {
    if (!std::isnan(value)) text += Tile(shown, name);
  };
  const std::string where = part_ + ", by patient";
  const double accuracy = NumberOf(patient, "accuracy"), qwk = NumberOf(patient, "qwk");
  const double balanced = NumberOf(patient, "balanced_accuracy");
  const double spread = NumberOf(patient, "best_worst");
  const double robust = NumberOf(attacked, "balanced_accuracy");
  add("accuracy (" + where + ")", accuracy, percent(accuracy));
  add("balanced accuracy (" + where + ")", balanced, percent(balanced));
  add("best − worst class (" + where + ")", spread, percent(spread));
  add("quadratic weighted κ (" + where + ")", qwk, Fixed(qwk, 3));
  add("balanced accuracy under attack (" + where + ")", robust, percent(robust));
  return text;
}

// The answers as tests for "at least this grade".
std::string PartSection::Tests() const {
  std::string rows;
  for (const Level& level : kLevels) {
    const auto matrix = MatrixOf(Find(figures_, level.key), Classes());
    if (!matrix || matrix->total() == 0) continue;
    std::string group;
    for (int threshold = 1; threshold < Classes(); ++threshold) {
      const Dichotomy test = AtLeast(*matrix, threshold);
      const auto share = [&](double value, int hits, int cases) {
        const bool interval = level.independent && cases > 0;
        return Tag(
            "td", PercentText(value) +
                      (interval ? " <small>" + PercentText(WilsonInterval(hits, cases)) + "</small>"
                                : std::string()));
      };
      group +=
          Tag("tr", Tag("th", "at least " + EscapeMarkup(classes_[threshold]) + ", " + level.name) +
                        Tag("td", std::to_string(test.positives()) + " / " +
                                      std::to_string(test.negatives())) +
                        share(test.Sensitivity(), test.true_positives, test.positives()) +
                        share(test.Specificity(), test.true_negatives, test.negatives()) +
                        share(test.Ppv(), test.true_positives,
                              test.true_positives + test.false_positives) +
                        share(test.Npv(), test.true_negatives,
                              test.true_negatives + test.false_negatives)) +
          "\n";
    }
    if (!group.empty()) rows += Tag("tbody", group);
  }
  if (rows.empty()) return "";
  return "<h3>" + Capitalized(part_) +
         " part, as a test for a grade</h3>\n<div class=\"wide\"><table>\n<thead><tr><th></th>"
         "<th>with / without</th><th>sensitivity, %</th><th>specificity, %</th><th>PPV, %</th>"
         "<th>NPV, %</th></tr></thead>\n" +
         rows + "</table></div>\n";
}

}  // namespace hepar
