// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/epochs_section.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "models/error.h"
#include "training/report/html_parts.h"
#include "training/report/svg_chart.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// "auxiliary_loss" as people write it.
std::string Words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// The epochs as charts.
class EpochCharts {
 public:
  explicit EpochCharts(const TrainingReport& report) : report_(report) {
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
    // A series without a value would only take a color.
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
      std::string title = Capitalized(Words(name)) + " of each class", caption;
      double factor = 1.0;
      chart.y_name = Words(name);
      if (name == "epsilon") {
        title = "Attack budget ε of each class";
        caption = "Largest change of a pixel, in gray levels of 255.";
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

}  // namespace

std::string EpochsSection(const TrainingReport& report) { return EpochCharts(report).Html(); }

}  // namespace hepar
