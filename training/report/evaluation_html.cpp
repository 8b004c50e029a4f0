// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_html.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "training/report/checklist.h"
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
};
constexpr Level kLevels[] = {{"frame", "by frame"}, {"patient", "by patient"}};

Interval IntervalOf(const ordered_json* object, const std::string& key) {
  const ordered_json* ends = Find(object, key);
  if (ends == nullptr || !ends->is_array() || ends->size() != 2 || !(*ends)[0].is_number() ||
      !(*ends)[1].is_number()) {
    return {kNan, kNan};
  }
  return {(*ends)[0], (*ends)[1]};
}

// An empty chart of one share, 0 to 1, over another.
LineChart SquareOfShares(const std::string& x_name, const std::string& y_name) {
  LineChart chart;
  chart.x_name = x_name;
  chart.y_name = y_name;
  chart.percent = chart.x_percent = true;
  chart.low = 0.0;
  chart.high = 1.0;
  chart.x_range = {0.0, 1.0};
  chart.height = 430;
  return chart;
}

// A figure as a table shows it: per cent, or with three digits.
std::string ValueText(double value, bool percent) {
  if (std::isnan(value)) return "–";
  return percent ? PercentText(value) : Fixed(value, 3);
}

std::string WithInterval(double value, const Interval& interval, bool percent) {
  std::string text = ValueText(value, percent);
  if (std::isnan(value) || std::isnan(interval.low)) return text;
  return text + " <small>" +
         (percent ? PercentText(interval)
                  : Fixed(interval.low, 3) + "–" + Fixed(interval.high, 3)) +
         "</small>";
}

std::string Cell(const std::string& markup) { return Tag("td", markup); }
std::string Head(const std::string& text) { return Tag("th", EscapeMarkup(text)); }

std::string HeadRow(const std::vector<std::string>& names) {
  std::string row = "<tr>";
  for (const std::string& name : names) row += Head(name);
  return Tag("thead", row + "</tr>") + "\n";
}

std::string Table(const std::string& head, const std::string& bodies, const std::string& css = "") {
  return "<div class=\"wide\"><table" + (css.empty() ? "" : " class=\"" + css + "\"") + ">\n" +
         head + bodies + "</table></div>\n";
}

std::string Section(const std::string& title, const std::string& content) {
  return content.empty() ? "" : Tag("h2", EscapeMarkup(title)) + "\n" + content;
}

std::string Note(const std::string& text) {
  return Tag("p class=\"note\"", EscapeMarkup(text)) + "\n";
}

std::string Charts(const std::string& figures) {
  return figures.empty() ? "" : "<div class=\"charts\">\n" + figures + "</div>\n";
}

struct FigureRow {
  const char* name;
  const char* key;
  bool percent;
};
constexpr FigureRow kRows[] = {{"average (pooled) accuracy, %", "accuracy", true},
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

class Report {
 public:
  explicit Report(const EvaluationReport& report) : report_(report), figures_(&report.figures) {}

  std::string Html() {
    std::string main;
    main += Section("Figures", Headline());
    main += Section("ROC curves and operating points", RocCurves() + OperatingPoints());
    main += Section("Confusion matrices", Matrices());
    main += Section("Calibration", Calibration());
    main += Section("Abstention", Abstention());
    main += Section("Robustness to spoilt pictures", Corruptions());
    main += Section("Views that are none of a liver", OtherViews());
    main += Section("Subgroups", Subgroups());
    main += Section("Comparison on the same patients", Comparison());
    main += Section("Worst mistakes", Gallery());
    main += Section("Model card", ModelCard());
    main += Section("Reporting checklist", ChecklistTable());
    main += Section("Options of this evaluation", OptionTables(Child("options")));
    return Page(report_.title, PageHead(report_.title, report_.subtitle, Tiles()),
                Warnings() + main, "Written by hepar evaluate (gst-hepar).");
  }

 private:
  ordered_json Child(const std::string& key) const {
    const ordered_json* child = Find(figures_, key);
    return child == nullptr ? ordered_json::object() : *child;
  }
  const ordered_json* LevelOf(const Level& level) const { return Find(figures_, level.key); }
  int Classes() const { return static_cast<int>(report_.class_names.size()); }

  std::string AddFigure(const std::string& title, const std::string& caption, LineChart chart) {
    if (!HasValues(chart)) return "";
    chart.description = title + ": " + caption;
    return Figure(++count_, title, caption, LineChartSvg(chart));
  }

  std::string Warnings() const {
    std::string text;
    for (const auto& warning : Child("warnings")) {
      text +=
          Tag("p class=\"notice\"", EscapeMarkup(Capitalised(warning.get<std::string>()) + ".")) +
          "\n";
    }
    return text;
  }

  std::string Tiles() const {
    const ordered_json* patient = Find(figures_, "patient");
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

  std::string Headline() const {
    if (Find(figures_, "frame") == nullptr) return "";
    std::string cases = Tag("th", "cases");
    std::string rows, per_class;
    for (const Level& level : kLevels) {
      cases += Cell(Fixed(NumberOf(LevelOf(level), "cases"), 0)) + Cell("");
    }
    cases = Tag("tr", cases) + "\n";
    const auto chance_of = [&](const Level& level) {
      return Find(Find(figures_, "chance"), level.key);
    };
    for (const FigureRow& row : kRows) {
      std::string line = Head(row.name);
      for (const Level& level : kLevels) {
        const ordered_json* figures = LevelOf(level);
        line +=
            Cell(WithInterval(NumberOf(figures, row.key),
                              IntervalOf(Find(figures, "intervals"), row.key), row.percent)) +
            Tag("td class=\"chance\"", ValueText(NumberOf(chance_of(level), row.key), row.percent));
      }
      rows += Tag("tr", line) + "\n";
    }
    for (const std::string& name : report_.class_names) {
      std::string line = Head("accuracy of " + name + ", %");
      for (const Level& level : kLevels) {
        const ordered_json* figures = LevelOf(level);
        const double cases_of = NumberOf(Find(figures, "per_class_cases"), name);
        line += Cell(WithInterval(NumberOf(Find(figures, "per_class"), name),
                                  IntervalOf(Find(Find(figures, "intervals"), "per_class"), name),
                                  true) +
                     " <small>n=" + Fixed(cases_of, 0) + "</small>") +
                Tag("td class=\"chance\"",
                    ValueText(NumberOf(Find(chance_of(level), "per_class"), name), true));
      }
      per_class += Tag("tr", line) + "\n";
    }
    for (const std::string& name : report_.class_names) {
      std::string line = Head("specificity of " + name + ", %");
      for (const Level& level : kLevels) {
        line +=
            Cell(ValueText(NumberOf(Find(LevelOf(level), "per_class_specificity"), name), true)) +
            Cell("");
      }
      per_class += Tag("tr", line) + "\n";
    }
    return Table(HeadRow({"", "by frame", "chance", "by patient", "chance"}),
                 Tag("tbody", cases + rows) + Tag("tbody", per_class)) +
           WilsonTable() + HeadlineNote();
  }

  std::string HeadlineNote() const {
    const ordered_json* bootstrap = Find(figures_, "bootstrap");
    const double resamples = NumberOf(bootstrap, "resamples");
    const std::string intervals =
        resamples > 0
            ? "Small figures are 95 % percentile intervals over " + Fixed(resamples, 0) +
                  " resamples of patients (seed " + Fixed(NumberOf(bootstrap, "seed"), 0) +
                  "): frames of one patient come and stay away together. One without width says "
                  "that no resample differs, not that the figure is certain. The calibration error "
                  "has none, as resampling itself adds to it. "
            : "No resampling was asked for. ";
    return Note(intervals +
                "Average accuracy is pooled over the cases, "
                "balanced accuracy is the mean of the classes’ accuracies (recalls), best − worst "
                "their range. A patient is graded by the mean of the probabilities of the frames. "
                "Chance: answers drawn from the shares of the classes.");
  }

  // Proportions of patients, which are independent.
  std::string WilsonTable() const {
    const ordered_json* patient = Find(figures_, "patient");
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
    for (const std::string& name : report_.class_names) {
      add("accuracy of " + name, NumberOf(Find(patient, "per_class_cases"), name),
          NumberOf(Find(patient, "per_class"), name), IntervalOf(Find(wilson, "per_class"), name));
    }
    return "<h3>Proportions of patients, with Wilson intervals</h3>\n" +
           Table(HeadRow({"", "n", "right", "%"}), Tag("tbody", rows));
  }

  std::string RocCurves() {
    std::string charts;
    for (const Level& level : kLevels) {
      const ordered_json* curves = Find(LevelOf(level), "roc");
      if (curves == nullptr) continue;
      LineChart chart = SquareOfShares("1 − specificity, %", "sensitivity, %");
      for (const auto& [name, points] : curves->items()) {
        ChartSeries series;
        series.name = "at least " + name;
        for (const auto& point : points) {
          series.x.push_back(point[0]);
          series.values.push_back(point[1]);
        }
        const ordered_json* chosen = Find(Find(LevelOf(level), "operating_points"), name);
        const double sensitivity = NumberOf(chosen, "sensitivity");
        const double specificity = NumberOf(chosen, "specificity");
        if (!series.x.empty() && !std::isnan(sensitivity) && !std::isnan(specificity)) {
          series.marks.push_back({1.0 - specificity, sensitivity,
                                  "chosen: sensitivity " + PercentText(sensitivity) +
                                      " %, specificity " + PercentText(specificity) + " %"});
        }
        chart.series.push_back(std::move(series));
      }
      ChartSeries chance;
      chance.name = "chance";
      chance.x = chance.values = {0.0, 1.0};
      chance.reference = true;
      chart.series.push_back(std::move(chance));
      charts += AddFigure(std::string("ROC, ") + level.name,
                          "Circles: the thresholds that were chosen on other patients.", chart);
    }
    return Charts(charts);
  }

  std::string OperatingPoints() const {
    const ordered_json* choice = Find(figures_, "choice");
    if (choice == nullptr) return "";
    const ordered_json* possible = Find(choice, "possible");
    if (possible == nullptr || *possible != true) {
      return Note("No thresholds are shown: " + TextOf(choice, "source") + ".");
    }
    std::string bodies;
    for (const Level& level : kLevels) {
      std::string rows;
      const ordered_json* points = Find(LevelOf(level), "operating_points");
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
    const std::string rule = TextOf(choice, "rule") == "youden"
                                 ? "largest sensitivity + specificity (Youden)"
                                 : "sensitivity of at least " +
                                       PercentText(NumberOf(choice, "wished_sensitivity")) + " %";
    return "<h3>As tests for a grade, at thresholds chosen on other patients</h3>\n" +
           Table(HeadRow({"", "with / without", "threshold", "sensitivity, %", "specificity, %",
                          "PPV, %", "NPV, %"}),
                 bodies) +
           Note(
               "Chosen on " + TextOf(choice, "source") + ", by the rule: " + rule +
               ". A threshold is of the sum of the probabilities from that grade on. Small figures "
               "are Wilson intervals by patient, for the thresholds as they are; predictive values "
               "hold at the prevalence of this set.");
  }

  std::string Matrices() const {
    std::string text;
    for (const Level& level : kLevels) {
      if (const auto matrix = MatrixOf(LevelOf(level), Classes())) {
        text += MatrixTable(*matrix, report_.class_names, Capitalised(level.name));
      }
    }
    if (text.empty()) return "";
    return "<div class=\"matrices\">\n" + text + "</div>\n" +
           Note("Counts, and their shares of the row: of the cases that are of that class.");
  }

  static ChartSeries Reliability(const std::string& name, const ordered_json* calibration) {
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

  std::string Calibration() {
    std::string charts, rows;
    bool any_after = false;
    for (const Level& level : kLevels) {
      const ordered_json* calibration = Find(LevelOf(level), "calibration");
      if (calibration == nullptr) continue;
      LineChart chart = SquareOfShares("confidence, %", "accuracy, %");
      for (const char* when : {"before", "after"}) {
        const ordered_json* part = Find(calibration, when);
        if (part == nullptr || !part->is_object()) continue;
        any_after = any_after || std::string(when) == "after";
        ChartSeries series = Reliability(when, part);
        if (!series.x.empty()) chart.series.push_back(std::move(series));
        std::string line = Head(std::string(when) + ", " + level.name);
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
          AddFigure(std::string("Reliability, ") + level.name,
                    "Accuracy of answers by their confidence, in ten bins of equal width. Pointing "
                    "at a dot shows its n.",
                    chart);
    }
    if (charts.empty()) return "";
    const ordered_json* choice = Find(figures_, "choice");
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
           Table(HeadRow({"temperature scaling", "ECE", "Brier score", "negative log-likelihood"}),
                 Tag("tbody", rows)) +
           Note(note);
  }

  std::string Abstention() {
    LineChart chart;
    chart.x_name = "coverage: share of cases that get an answer, %";
    chart.y_name = "accuracy of those, %";
    chart.percent = chart.x_percent = true;
    chart.high = 1.0;
    chart.x_range = {0.0, 1.0};
    std::string rows;
    for (const Level& level : kLevels) {
      const ordered_json* abstention = Find(LevelOf(level), "abstention");
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
    return Charts(AddFigure("Accuracy against coverage",
                            "When the answers of least confidence are held back.", chart)) +
           Table(HeadRow({"accuracy, %", "mean (area)", "of all", "of 90 %", "of 80 %", "of 70 %",
                          "of 50 %"}),
                 Tag("tbody", rows)) +
           Note("Cases of equal confidence share their hits evenly.");
  }

  std::string Corruptions() {
    const ordered_json* spoilt = Find(figures_, "corruptions");
    const ordered_json* kinds = Find(spoilt, "kinds");
    if (kinds == nullptr || kinds->empty()) return "";
    const ordered_json* clean = Find(Find(spoilt, "clean"), "frame");
    LineChart chart;
    chart.x_name = "strength (0: clean)";
    chart.percent = true;
    chart.low = 0.0;
    chart.high = 1.0;
    chart.height = 340;
    for (int strength = 0; strength <= static_cast<int>(kinds->front().at("levels").size());
         ++strength) {
      chart.x.push_back(strength);
    }
    std::string charts;
    for (const auto& [key, title] :
         {std::pair("accuracy", "Accuracy"), std::pair("auc_moderate", "AUC, at least moderate")}) {
      LineChart one = chart;
      one.y_name = std::string(title) + ", %";
      for (const auto& kind : *kinds) {
        ChartSeries series;
        series.name = TextOf(&kind, "name");
        series.values.push_back(NumberOf(clean, key));
        for (const auto& level : kind.at("levels")) {
          series.values.push_back(NumberOf(Find(&level, "frame"), key));
        }
        one.series.push_back(std::move(series));
      }
      charts += AddFigure(std::string(title) + " by strength", "By frame.", one);
    }
    return Charts(charts) + CorruptionTable("accuracy", "accuracy, %", *spoilt) +
           CorruptionTable("auc_moderate", "AUC, at least moderate, %", *spoilt) +
           Note(
               "By frame. Mean: over the strengths. Kept: that mean over the clean figure, for "
               "frames and patients. Changes within the sector are made to the prepared picture; "
               "JPEG and overlays to the whole frame, before the sector is looked for. Sizes of "
               "the strengths are in the table below.") +
           StrengthTable(*kinds);
  }

  static std::string CorruptionTable(const std::string& key, const std::string& title,
                                     const ordered_json& spoilt) {
    const ordered_json& kinds = spoilt.at("kinds");
    std::vector<std::string> names = {title, "clean"};
    const std::size_t strengths = kinds.front().at("levels").size();
    for (std::size_t i = 1; i <= strengths; ++i) names.push_back(std::to_string(i));
    for (const char* name : {"mean", "kept, frames", "kept, patients"}) names.emplace_back(name);
    const auto number = [&key](const ordered_json* object, const char* level) {
      return PercentText(NumberOf(Find(object, level), key));
    };
    const std::string clean = number(Find(&spoilt, "clean"), "frame");
    std::string rows;
    for (const auto& kind : kinds) {
      std::string line = Head(TextOf(&kind, "name")) + Cell(clean);
      for (const auto& level : kind.at("levels")) line += Cell(number(&level, "frame"));
      line += Cell(number(Find(&kind, "mean"), "frame"));
      for (const char* level : {"frame", "patient"}) {
        line += Cell(number(Find(&kind, "relative"), level));
      }
      rows += Tag("tr", line) + "\n";
    }
    std::string all = Head("all") + Cell(clean);
    for (std::size_t i = 0; i < strengths; ++i) all += Cell("");
    all += Cell(number(Find(&spoilt, "mean"), "frame"));
    for (const char* level : {"frame", "patient"}) {
      all += Cell(number(Find(&spoilt, "relative"), level));
    }
    return Table(HeadRow(names), Tag("tbody", rows) + Tag("tbody", Tag("tr", all)));
  }

  static std::string StrengthTable(const ordered_json& kinds) {
    std::string rows;
    for (const auto& kind : kinds) {
      std::string line = Head(TextOf(&kind, "name"));
      for (const auto& level : kind.at("levels")) {
        line += Cell(NumberText(NumberOf(&level, "size"), 3));
      }
      rows += Tag("tr", line + Tag("td style=\"text-align: left\"",
                                   EscapeMarkup(TextOf(&kind, "unit") + "; of the " +
                                                TextOf(&kind, "place")))) +
              "\n";
    }
    std::vector<std::string> names = {"size at strength"};
    for (std::size_t i = 1; i <= kinds.front().at("levels").size(); ++i) {
      names.push_back(std::to_string(i));
    }
    names.emplace_back("");
    return Table(HeadRow(names), Tag("tbody", rows));
  }

  static std::string ViewRow(const std::string& name, const ordered_json* set,
                             const std::string& groups) {
    if (set == nullptr) return "";
    const auto n = [set](const std::string& key) { return Fixed(NumberOf(set, key), 0); };
    return Tag("tr",
               Head(name) + Cell(n("flagged") + " of " + n("frames")) +
                   Cell(WithInterval(NumberOf(set, "share"), IntervalOf(set, "interval"), true)) +
                   Cell(n(groups + "_flagged") + " of " + n(groups))) +
           "\n";
  }

  std::string OtherViews() const {
    const ordered_json* domain = Find(figures_, "domain");
    if (domain == nullptr) return "";
    const ordered_json* other = Find(domain, "other");
    const ordered_json* exact = Find(domain, "at_false_flags");
    const std::string at = " at " + PercentText(NumberOf(exact, "rate")) + " %";
    std::string text =
        Table(HeadRow({"", "frames flagged", "%", "patients or clips"}),
              Tag("tbody", ViewRow("liver frames", Find(domain, "liver"), "patients") +
                               ViewRow("other views", other, "clips") +
                               ViewRow("liver frames" + at, Find(exact, "liver"), "patients") +
                               ViewRow("other views" + at, Find(exact, "other"), "clips")));
    if (other != nullptr) {
      std::string rows;
      for (const auto& clip : other->at("by_clip")) {
        rows += Tag("tr", Head(TextOf(&clip, "name")) +
                              Cell(Fixed(NumberOf(&clip, "flagged"), 0) + " of " +
                                   Fixed(NumberOf(&clip, "frames"), 0)) +
                              Cell(Fixed(NumberOf(&clip, "median_score"), 2))) +
                "\n";
      }
      text += Table(HeadRow({"clip", "frames flagged", "median score"}), Tag("tbody", rows));
    }
    return text +
           Note(
               "Flagged: the out-of-domain score is above the limit, so that the picture gets no "
               "grade. Scores are over the limit of the model that gave them; with several models "
               "each scores all other views. Rows with a share in their name are at the limit that "
               "flags this share of the liver frames. A patient or clip counts when more than half "
               "of its frames do. Intervals by resampling patients or clips.");
  }

  std::string Subgroups() const {
    const ordered_json* groups = Find(figures_, "subgroups");
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
        line += Cell(WithInterval(NumberOf(patient, key),
                                  IntervalOf(Find(patient, "intervals"), key), false));
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
               "the intervals, and count how many groups are looked at.");
  }

  std::string Comparison() const {
    const ordered_json* comparison = Find(figures_, "comparison");
    if (comparison == nullptr) return "";
    std::string bodies, counts;
    for (const Level& level : kLevels) {
      const ordered_json* one = Find(comparison, level.key);
      const ordered_json* figures = Find(one, "figures");
      if (figures == nullptr) continue;
      std::string rows;
      for (const auto& [key, figure] : figures->items()) {
        const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                      [&key = key](const FigureRow& r) { return key == r.key; });
        const bool percent = row != std::end(kRows) && row->percent;
        std::string line =
            Head((row == std::end(kRows) ? key : row->name) + std::string(", ") + level.name);
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
      rows += Tag("tr",
                  Head(std::string("right by one only, ") + level.name) + Cell(n("only_first")) +
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

  std::string Gallery() const {
    const ordered_json* failures = Find(figures_, "failures");
    if (failures == nullptr) return "";
    if (failures->empty()) return Note("No answer was wrong.");
    std::string cards;
    for (std::size_t i = 0; i < failures->size(); ++i) {
      const ordered_json& failure = (*failures)[i];
      std::string shares;
      if (const ordered_json* probabilities = Find(&failure, "probabilities")) {
        for (const auto& [name, value] : probabilities->items()) {
          shares += (shares.empty() ? "" : " · ") + name + " " +
                    PercentText(value.is_number() ? value.get<double>() : kNan);
        }
      }
      const std::string patient = TextOf(&failure, "patient_id");
      const std::string what = TextOf(&failure, "truth") + ", called " + TextOf(&failure, "answer");
      std::string card;
      if (i < report_.pictures.size()) {
        card += "<img alt=\"" + EscapeMarkup("frame of patient " + patient + ": " + what) +
                "\" src=\"" + EscapeMarkup(report_.pictures[i]) + "\"/>\n";
      }
      cards += Tag("figure",
                   card + Tag("figcaption",
                              Tag("b", EscapeMarkup(what)) + EscapeMarkup("patient " + patient) +
                                  Tag("span class=\"shares\"", EscapeMarkup(shares + " %")))) +
               "\n";
    }
    return "<div class=\"gallery\">\n" + cards + "</div>\n" +
           Note(
               "Those farthest from the truth come first, and of equal distance the most "
               "confident; two of a patient at most. The pictures are what the network sees.");
  }

  std::string ModelCard() const {
    const ordered_json* models = Find(figures_, "models");
    if (models == nullptr || models->empty()) return "";
    std::string text;
    if (models->size() > 1) {
      std::string rows;
      for (const auto& model : *models) {
        rows += Tag("tr", Head(TextOf(&model, "name")) + Cell(Fixed(NumberOf(&model, "fold"), 0)) +
                              Cell("<small>" + EscapeMarkup(TextOf(&model, "id")) + "</small>")) +
                "\n";
      }
      text += Table(HeadRow({"model", "scored on fold", "id"}), Tag("tbody", rows)) +
              Note("Below: the first of them.");
    }
    const ordered_json& model = models->front();
    ordered_json card = ordered_json::object();
    for (const auto& [name, value] : model.items()) {
      if (name == "architecture" || name == "input") {
        for (const auto& [part, content] : value.items()) card[name + "." + part] = content;
      } else if (!value.is_null() && name != "training_options" && name != "metrics" &&
                 name != "fold") {
        card[name] = value;
      }
    }
    text += OptionTables(card, 2);
    if (const ordered_json* cost = Find(figures_, "cost")) {
      text += Note("Median " + NumberText(NumberOf(cost, "median_inference_ms"), 3) +
                   " ms of inference for a frame on " + TextOf(cost, "device") + " in " +
                   TextOf(cost, "precision") + ", " + Fixed(NumberOf(cost, "threads"), 0) +
                   " thread(s), here and now.");
    }
    if (const ordered_json* trained = Find(&model, "training_options")) {
      const std::string options = OptionTables(*trained);
      if (!options.empty()) text += "<h3>How it was trained</h3>\n" + options;
    }
    return text;
  }

  std::string ChecklistTable() const {
    std::string rows, section, bodies;
    for (const ChecklistItem& item : Checklist(*figures_)) {
      if (item.section != section && !rows.empty()) {
        bodies += Tag("tbody", rows);
        rows.clear();
      }
      section = item.section;
      rows += Tag("tr", Head(item.section) + Cell(EscapeMarkup(item.question)) +
                            (item.answer.empty() ? Tag("td class=\"open\"", "for the authors")
                                                 : Cell(EscapeMarkup(item.answer))) +
                            Cell("<small>" + EscapeMarkup(item.guidelines) + "</small>")) +
              "\n";
    }
    bodies += Tag("tbody", rows);
    return Table(HeadRow({"", "question", "answer", "asked by"}), bodies, "text") +
           Note(
               "What CLAIM (2024), STARD-AI (2025) and TRIPOD+AI (2024) ask, in short and in our "
               "words; their own forms decide.");
  }

  const EvaluationReport& report_;
  const ordered_json* figures_;
  int count_ = 0;
};

}  // namespace

std::string EvaluationReportHtml(const EvaluationReport& report) { return Report(report).Html(); }

}  // namespace hepar
