// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/html_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "models/error.h"
#include "training/evaluation/agreement.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/statistics.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/svg_chart.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
struct Level {
  const char* key;
  const char* name;
  bool independent;  // Whether its cases are, as intervals suppose.
};
constexpr Level kLevels[] = {{"frame", "by frame", false}, {"patient", "by patient", true}};
constexpr const char* kParts[] = {"validation", "test"};

// "auxiliary_loss" as people write it.
std::string Words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

int Hits(const ConfusionMatrix& matrix) {
  int hits = 0;
  for (int k = 0; k < matrix.classes(); ++k) hits += matrix.at(k, k);
  return hits;
}

// The epochs as charts.
class CourseSection {
 public:
  explicit CourseSection(const TrainingReport& report) : report_(report) {
    for (const EpochRecord& record : report.history) Check(record);
  }

  std::string Html() {
    if (report_.history.empty()) {
      return "<h2>Course of training</h2>\n<p>No epoch was completed.</p>\n";
    }
    AddLosses();
    AddAccuracies();
    AddClassFigures();
    AddLearning();
    return "<h2>Course of training</h2>\n<div class=\"charts\">\n" + figures_ + "</div>\n";
  }

 private:
  using FigureOf = std::function<double(const EpochRecord&)>;
  using Validation = EpochRecord::Validation;

  void Check(const EpochRecord& record) const {
    const auto check = [&](const std::string& what, std::size_t got, std::size_t expected) {
      if (got == expected) return;
      throw Error(ErrorKind::kInvalid, "epoch " + std::to_string(record.epoch) + " has " +
                                           std::to_string(got) + " values of " + what +
                                           ", expected " + std::to_string(expected));
    };
    check("the loss terms", record.terms.size(), report_.terms.size());
    for (const ClassFigures& figures : record.per_class) {
      check(figures.name, figures.values.size(), report_.class_names.size());
    }
  }

  ChartSeries Series(const std::string& name, const FigureOf& figure) const {
    ChartSeries series{name, {}};
    for (const EpochRecord& record : report_.history) series.values.push_back(figure(record));
    return series;
  }

  ChartSeries OfValidation(const std::string& name, double Validation::*member) const {
    return Series(name, [member](const EpochRecord& record) {
      return record.validation ? (*record.validation).*member : kNan;
    });
  }

  ChartSeries OfAttack(const std::string& name, std::optional<double> Validation::*member) const {
    return Series(name, [member](const EpochRecord& record) {
      return record.validation ? ((*record.validation).*member).value_or(kNan) : kNan;
    });
  }

  ChartSeries OfTerm(const std::string& name, std::size_t term) const {
    return Series(name, [term](const EpochRecord& record) { return record.terms[term]; });
  }

  // Adds a figure, if there is anything to draw.
  void Add(const std::string& title, const std::string& caption, LineChart chart) {
    // A series without a value would only take a colour.
    chart.series.erase(std::remove_if(chart.series.begin(), chart.series.end(),
                                      [](const ChartSeries& series) {
                                        return std::none_of(
                                            series.values.begin(), series.values.end(),
                                            [](double value) { return std::isfinite(value); });
                                      }),
                       chart.series.end());
    if (!HasValues(chart)) return;
    chart.description = title + ": " + caption;
    chart.x_name = "epoch";
    for (const EpochRecord& record : report_.history) chart.x.push_back(record.epoch);
    if (report_.kept_epoch > 0) {
      chart.marked_x = report_.kept_epoch;
      chart.mark = "kept: epoch " + std::to_string(report_.kept_epoch);
    }
    figures_ += Figure(++count_, title, caption, LineChartSvg(chart));
  }

  void AddLosses() {
    LineChart terms;
    terms.y_name = "loss";
    terms.low = 0.0;
    terms.log_scale = true;
    for (std::size_t i = 0; i < report_.terms.size(); ++i) {
      const std::string& name = report_.terms[i];
      const std::string words = Words(name);
      const auto suffix = words.rfind(" loss");
      terms.series.push_back(OfTerm(name == "loss" ? "total" : words.substr(0, suffix), i));
    }
    Add("Loss terms", "Means over the training pictures of each epoch.", terms);

    LineChart severity;
    severity.y_name = "cross-entropy";
    severity.low = 0.0;
    const auto term = std::find(report_.terms.begin(), report_.terms.end(), "severity_loss");
    if (term != report_.terms.end()) {
      severity.series.push_back(OfTerm("training", term - report_.terms.begin()));
    }
    severity.series.push_back(OfValidation("validation", &Validation::loss));
    if (HasValidation()) {
      Add("Severity loss",
          "Of clean pictures; in training they are augmented, and weighted as the objective asks.",
          severity);
    }
  }

  void AddAccuracies() {
    LineChart chart;
    chart.y_name = "accuracy, %";
    chart.percent = true;
    chart.low = 0.0;
    chart.high = 1.0;
    LineChart clean = chart, attacked = chart;
    clean.series = {
        Series("training", [](const EpochRecord& record) { return record.train_accuracy; }),
        OfValidation("validation", &Validation::accuracy),
        OfValidation("balanced", &Validation::balanced_accuracy),
        OfValidation("by patient", &Validation::patient_balanced_accuracy)};
    Add("Accuracy",
        HasValidation() ? "Pooled over the pictures; of validation also the mean of the classes "
                          "(balanced), and that by patient."
                        : "Pooled over the training pictures.",
        clean);
    attacked.series = {OfValidation("clean", &Validation::accuracy),
                       OfAttack("under attack", &Validation::robust_accuracy),
                       OfAttack("worst class", &Validation::robust_worst)};
    if (std::any_of(report_.history.begin(), report_.history.end(), [](const EpochRecord& record) {
          return record.validation && (record.validation->robust_accuracy.has_value() ||
                                       record.validation->robust_worst.has_value());
        })) {
      Add("Validation accuracy under attack",
          "Pooled over the pictures, clean and after an end-to-end attack on each; and of the "
          "class that the attack leaves worst.",
          attacked);
    }
  }

  void AddClassFigures() {
    std::vector<std::string> names;
    for (const EpochRecord& record : report_.history) {
      for (const ClassFigures& figures : record.per_class) {
        if (std::find(names.begin(), names.end(), figures.name) == names.end()) {
          names.push_back(figures.name);
        }
      }
    }
    for (const std::string& name : names) {
      LineChart chart;
      chart.low = 0.0;
      std::string title = Capitalised(Words(name)) + " of each class", caption;
      double factor = 1.0;
      chart.y_name = Words(name);
      if (name == "epsilon") {
        title = "Attack budget ε of each class";
        caption = "Largest change of a pixel, in grey levels of 255.";
        chart.y_name = "ε, 1/255";
        factor = 255.0;
      } else if (name == "beta") {
        title = "Weight β of each class";
        caption = "Of the divergence in the adversarial loss; the cross-entropy has 1 − β.";
        chart.y_name = "β";
        // All are near 1 where the accuracies are; what parts them would not show from 0.
        chart.low.reset();
      } else if (name == "robust_train_accuracy") {
        title = "Robust training accuracy of each class";
        caption = "What moves ε and β of the next epoch.";
        chart.y_name = "accuracy, %";
        chart.percent = true;
        chart.high = 1.0;
      }
      for (std::size_t k = 0; k < report_.class_names.size(); ++k) {
        chart.series.push_back(
            Series(report_.class_names[k], [&name, k, factor](const EpochRecord& record) {
              for (const ClassFigures& figures : record.per_class) {
                if (figures.name == name) return factor * figures.values[k];
              }
              return kNan;
            }));
      }
      Add(title, caption, chart);
    }
  }

  void AddLearning() {
    LineChart rate;
    rate.y_name = "learning rate";
    rate.low = 0.0;
    rate.series = {Series("rate", [](const EpochRecord& record) { return record.learning_rate; })};
    Add("Learning rate", "Of the decouplers, at the end of each epoch.", rate);

    LineChart correlation;
    correlation.y_name = "|correlation|";
    correlation.low = 0.0;
    correlation.high = 1.0;
    correlation.series = {OfValidation("validation", &Validation::feature_correlation)};
    Add("Common features and picture",
        "Correlation of Feat2 with the luma; near 1 the decoupler only copies its input.",
        correlation);
  }

  bool HasValidation() const {
    return std::any_of(report_.history.begin(), report_.history.end(),
                       [](const EpochRecord& record) { return record.validation.has_value(); });
  }

  const TrainingReport& report_;
  std::string figures_;
  int count_ = 0;
};

// The figures of one part of the data.
class PartSection {
 public:
  PartSection(const TrainingReport& report, const std::string& part)
      : classes_(report.class_names), part_(part), figures_(Find(&report.metrics, part)) {}

  bool is_there() const { return figures_ != nullptr && figures_->is_object(); }

  std::string Figures() const {
    std::vector<Column> columns;
    for (const Level& level : kLevels) {
      AddColumn(level.name, Find(figures_, level.key), level.independent, &columns);
      AddColumn("chance", Find(Find(figures_, "chance"), level.key), false, &columns);
    }
    const ordered_json* attacked = Find(figures_, "under_attack");
    for (const Level& level : kLevels) {
      AddColumn(std::string("attacked, ") + level.name, Find(attacked, level.key),
                level.independent, &columns);
    }
    if (columns.empty()) return "";

    std::string head = "<tr><th></th>";
    for (const Column& column : columns) head += Tag("th", EscapeMarkup(column.name));
    std::string body;
    for (const auto& group : {Accuracies(), Agreement(), Calibration()}) {
      const std::string rows = Rows(columns, group);
      if (!rows.empty()) body += Tag("tbody", rows);
    }
    std::string text = "<h3>" + Capitalised(part_) + " part</h3>\n<div class=\"wide\"><table>\n" +
                       Tag("thead", head + "</tr>") + "\n" + body + "</table></div>\n";
    if (const std::string attack = AttackText(Find(attacked, "attack")); !attack.empty()) {
      text += "<p class=\"note\">Attacked: " + EscapeMarkup(attack) + ".</p>\n";
    }
    return text + Tests();
  }

  std::string Matrices() const {
    std::string text;
    for (const bool attacked : {false, true}) {
      const ordered_json* figures = attacked ? Find(figures_, "under_attack") : figures_;
      for (const Level& level : kLevels) {
        if (const auto matrix = MatrixOf(Find(figures, level.key), Classes())) {
          text += MatrixTable(
              *matrix, classes_,
              Capitalised(part_) + " part, " + level.name + (attacked ? ", attacked" : ""));
        }
      }
    }
    return text;
  }

  // The figures that a reader looks for first.
  std::string Tiles() const {
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

 private:
  struct Column {
    std::string name;
    const ordered_json* figures;
    std::optional<ConfusionMatrix> matrix;  // Where intervals may be given.
  };
  struct Row {
    std::string name;
    std::function<double(const ordered_json*)> figure;
    bool percent = false;
    // (hits, cases) behind a proportion.
    std::function<std::pair<int, int>(const ConfusionMatrix&)> counts;
    bool whole = false;
  };

  int Classes() const { return static_cast<int>(classes_.size()); }

  void AddColumn(const std::string& name, const ordered_json* figures, bool with_intervals,
                 std::vector<Column>* columns) const {
    if (figures == nullptr) return;
    columns->push_back(
        {name, figures, with_intervals ? MatrixOf(figures, Classes()) : std::nullopt});
  }

  static Row Plain(const std::string& name, const std::string& key) {
    return {name, [key](const ordered_json* figures) { return NumberOf(figures, key); }, false, {}};
  }

  static Row OfHundred(const std::string& name, const std::string& key) {
    Row row = Plain(name + ", %", key);
    row.percent = true;
    return row;
  }

  std::vector<Row> Accuracies() const {
    Row cases = Plain("cases", "cases");
    cases.whole = true;
    Row accuracy = OfHundred("average (pooled) accuracy", "accuracy");
    accuracy.counts = [](const ConfusionMatrix& matrix) {
      return std::pair(Hits(matrix), matrix.total());
    };
    std::vector<Row> rows = {cases, accuracy, OfHundred("balanced accuracy", "balanced_accuracy"),
                             OfHundred("best − worst class", "best_worst")};
    for (int k = 0; k < Classes(); ++k) {
      const std::string& name = classes_[k];
      rows.push_back({"accuracy of " + name + ", %",
                      [name](const ordered_json* figures) {
                        return NumberOf(Find(figures, "per_class"), name);
                      },
                      true,
                      [k](const ConfusionMatrix& matrix) {
                        return std::pair(matrix.at(k, k), matrix.count(k));
                      }});
    }
    return rows;
  }

  static std::vector<Row> Agreement() {
    return {
        Plain("quadratic weighted κ", "qwk"),       Plain("Cohen’s κ", "kappa"),
        Plain("Matthews’ correlation", "mcc"),      Plain("macro F1", "macro_f1"),
        Plain("mean error, grades", "mae"),         OfHundred("within one grade", "within_one"),
        Plain("AUC, at least mild", "auc_mild"),    Plain("AUC, at least moderate", "auc_moderate"),
        Plain("AUC, at least severe", "auc_severe")};
  }

  static std::vector<Row> Calibration() {
    return {Plain("calibration error (ECE)", "ece"), Plain("Brier score", "brier"),
            Plain("negative log-likelihood", "nll")};
  }

  // Those for which any column has a figure.
  static std::string Rows(const std::vector<Column>& columns, const std::vector<Row>& rows) {
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

  // The answers as tests for "at least this grade".
  std::string Tests() const {
    std::string rows;
    for (const Level& level : kLevels) {
      const auto matrix = MatrixOf(Find(figures_, level.key), Classes());
      if (!matrix || matrix->total() == 0) continue;
      std::string group;
      for (int threshold = 1; threshold < Classes(); ++threshold) {
        const Dichotomy test = AtLeast(*matrix, threshold);
        const auto share = [&](double value, int hits, int cases) {
          const bool interval = level.independent && cases > 0;
          return Tag("td", PercentText(value) +
                               (interval ? " <small>" + PercentText(WilsonInterval(hits, cases)) +
                                               "</small>"
                                         : std::string()));
        };
        group += Tag("tr", Tag("th", "at least " + EscapeMarkup(classes_[threshold]) + ", " +
                                         level.name) +
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
    return "<h3>" + Capitalised(part_) +
           " part, as a test for a grade</h3>\n<div class=\"wide\"><table>\n<thead><tr><th></th>"
           "<th>with / without</th><th>sensitivity, %</th><th>specificity, %</th><th>PPV, %</th>"
           "<th>NPV, %</th></tr></thead>\n" +
           rows + "</table></div>\n";
  }

  static std::string AttackText(const ordered_json* attack) {
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

  const std::vector<std::string>& classes_;
  std::string part_;
  const ordered_json* figures_;
};

std::string FiguresSection(const std::vector<PartSection>& parts) {
  std::string figures, matrices;
  for (const PartSection& part : parts) {
    figures += part.Figures();
    matrices += part.Matrices();
  }
  std::string text;
  if (!figures.empty()) {
    text += "<h2>Final figures</h2>\n" + figures +
            "<p class=\"note\">Figures are of the weights of the kept epoch. Average accuracy is "
            "pooled over the cases; balanced accuracy is the mean of the classes’ accuracies "
            "(recalls), best − worst their range. A patient is graded by the mean of the "
            "probabilities of the frames. Small figures are 95 % Wilson intervals; frames have "
            "none, as "
            "frames of one patient are not independent. Chance: answers drawn at random from the "
            "shares of the classes.</p>\n";
  }
  if (!matrices.empty()) {
    text += "<h2>Confusion matrices</h2>\n<div class=\"matrices\">\n" + matrices +
            "</div>\n<p class=\"note\">Counts, and their shares of the row: of the cases that are "
            "of that class.</p>\n";
  }
  return text;
}

std::string Header(const TrainingReport& report, const std::vector<PartSection>& parts) {
  double seconds = 0.0, memory = 0.0;
  for (const EpochRecord& record : report.history) {
    seconds += record.seconds;
    memory = std::max(memory, record.peak_memory_mib);
  }
  const std::string epochs = std::to_string(report.history.size());
  std::string cost;
  if (seconds > 0.0) {
    cost = "; " + NumberText(seconds / report.history.size(), 3) + "\u00a0s each, peak memory " +
           Fixed(memory, 0) + "\u00a0MiB";
  }
  std::string tiles = report.kept_epoch > 0 ? Tile(std::to_string(report.kept_epoch),
                                                   "epoch kept, of " + epochs + cost)
                                            : Tile(epochs, "epochs" + cost);
  if (!parts.empty()) tiles += parts.back().Tiles();
  return PageHead(report.title, report.subtitle, tiles);
}

}  // namespace

std::string TrainingReportHtml(const TrainingReport& report) {
  // The part that is held out longest comes last, and its figures head the page.
  std::vector<PartSection> parts;
  for (const char* name : kParts) {
    PartSection part(report, name);
    if (part.is_there()) parts.push_back(part);
  }
  const std::string options = OptionTables(report.options);
  return Page(report.title, Header(report, parts),
              CourseSection(report).Html() + FiguresSection(parts) +
                  (options.empty() ? "" : "<h2>Options</h2>\n" + options),
              "Written by hepar train (gst-hepar).");
}

}  // namespace hepar
