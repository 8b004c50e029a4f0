// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evidence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

#include "models/error.h"
#include "training/evaluation/abstention.h"
#include "training/evaluation/comparison.h"
#include "training/evaluation/roc.h"
#include "training/report/report.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

// A curve of more points would weigh down file and page, and show no more.
constexpr std::size_t kMostPoints = 200;

ordered_json ToJson(const Interval& interval) {
  return ordered_json::array({interval.low, interval.high});
}

ordered_json IntervalsToJson(const FigureIntervals& intervals,
                             const std::vector<std::string>& class_names) {
  ordered_json result = ordered_json::object(), per_class = ordered_json::object();
  for (const NamedFigure& figure : kNamedFigures) {
    const Interval interval = {intervals.low.*figure.member, intervals.high.*figure.member};
    if (!std::isnan(interval.low)) result[figure.key] = ToJson(interval);
  }
  for (std::size_t k = 0; k < class_names.size(); ++k) {
    per_class[class_names[k]] = ToJson({intervals.low.per_class[k], intervals.high.per_class[k]});
  }
  if (!result.empty()) result["per_class"] = per_class;
  return result;
}

ordered_json WilsonToJson(const ConfusionMatrix& matrix,
                          const std::vector<std::string>& class_names) {
  int hits = 0, near = 0;
  ordered_json per_class = ordered_json::object();
  for (int k = 0; k < matrix.classes(); ++k) {
    hits += matrix.at(k, k);
    for (int answer = std::max(0, k - 1); answer <= std::min(k + 1, matrix.classes() - 1);
         ++answer) {
      near += matrix.at(k, answer);
    }
    per_class[class_names[k]] = ToJson(WilsonInterval(matrix.at(k, k), matrix.count(k)));
  }
  return {{"accuracy", ToJson(WilsonInterval(hits, matrix.total()))},
          {"within_one", ToJson(WilsonInterval(near, matrix.total()))},
          {"per_class", per_class}};
}

ordered_json RocToJson(const Predictions& predictions, int threshold) {
  ordered_json points = ordered_json::array();
  for (const RocPoint& point : RankedGrades(predictions, threshold).Curve()) {
    points.push_back({point.false_positive_rate, point.sensitivity});
  }
  return points;
}

ordered_json OperatingPointToJson(const OperatingPoint& point, bool with_intervals) {
  const Dichotomy& table = point.table;
  const int called = table.true_positives + table.false_positives;
  const int cleared = table.true_negatives + table.false_negatives;
  ordered_json result = {{"thresholds", point.thresholds},
                         {"true_positives", table.true_positives},
                         {"false_negatives", table.false_negatives},
                         {"false_positives", table.false_positives},
                         {"true_negatives", table.true_negatives},
                         {"sensitivity", table.Sensitivity()},
                         {"specificity", table.Specificity()},
                         {"ppv", table.Ppv()},
                         {"npv", table.Npv()}};
  if (with_intervals) {
    result["wilson"] = {
        {"sensitivity", ToJson(WilsonInterval(table.true_positives, table.positives()))},
        {"specificity", ToJson(WilsonInterval(table.true_negatives, table.negatives()))},
        {"ppv", ToJson(WilsonInterval(table.true_positives, called))},
        {"npv", ToJson(WilsonInterval(table.true_negatives, cleared))}};
  }
  return result;
}

ordered_json CalibrationToJson(const Predictions& predictions) {
  const Answers answers = AnswersOf(predictions);
  ordered_json bins = ordered_json::array();
  for (const ReliabilityBin& bin : Reliability(answers.confidences, answers.right)) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"cases", bin.cases},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy}});
  }
  return {{"ece", ExpectedCalibrationError(answers.confidences, answers.right)},
          {"brier", BrierScore(predictions)},
          {"nll", NegativeLogLikelihood(predictions)},
          {"reliability", bins}};
}

ordered_json AbstentionToJson(const Predictions& predictions) {
  const AbstentionCurve curve = Abstention(AnswersOf(predictions));
  ordered_json points = ordered_json::array();
  const std::size_t count = curve.points.size();
  const std::size_t shown = std::min(count, kMostPoints);
  for (std::size_t i = 1; i <= shown; ++i) {
    const AbstentionPoint& point = curve.points[i * count / shown - 1];
    points.push_back({{"coverage", point.coverage},
                      {"accuracy", point.accuracy},
                      {"confidence", point.confidence}});
  }
  return {{"area", curve.area}, {"points", points}};
}

Predictions AtLevel(const Predictions& frames, bool by_patient) {
  return by_patient ? ByPatient(frames) : frames;
}

ordered_json SubgroupsToJson(const EvidenceInput& input) {
  const int classes = static_cast<int>(input.class_names.size());
  ordered_json groups = ordered_json::array();
  for (const Subgroup& group : SubgroupsOf(input.frames, *input.patients)) {
    ordered_json entry = {{"column", group.column}, {"value", group.value}};
    for (const bool by_patient : {false, true}) {
      const Predictions level = AtLevel(group.frames, by_patient);
      ordered_json figures = FiguresToJson(Evaluate(level, classes), input.class_names);
      figures["intervals"] =
          IntervalsToJson(BootstrapIntervals(level, classes, input.bootstrap), input.class_names);
      if (by_patient) {
        figures["wilson"] = WilsonToJson(ConfusionMatrix::Of(level, classes), input.class_names);
      }
      entry[by_patient ? "patient" : "frame"] = figures;
    }
    groups.push_back(entry);
  }
  return groups;
}

ordered_json LevelOfComparison(const Comparison& comparison) {
  ordered_json figures = ordered_json::object();
  for (const ComparedFigure& figure : comparison.figures) {
    figures[figure.name] = {
        {"first", figure.first},           {"second", figure.second},
        {"difference", figure.difference}, {"interval", ToJson(figure.interval)},
        {"p_value", figure.p_value},       {"holm_p_value", figure.holm_p_value}};
  }
  return {{"right_by",
           {{"both", comparison.both},
            {"only_first", comparison.only_first},
            {"only_second", comparison.only_second},
            {"neither", comparison.neither}}},
          {"mcnemar",
           {{"p_value", comparison.mcnemar_p_value},
            {"holm_p_value", comparison.mcnemar_holm_p_value}}},
          {"figures", figures}};
}

// The metrics under corruptions.
constexpr const char* kCorruptedKeys[] = {"accuracy", "balanced_accuracy", "qwk",
                                          "auc_mild", "auc_moderate",      "auc_severe"};

ordered_json CorruptedFigures(const Predictions& frames, int classes) {
  ordered_json result = ordered_json::object();
  for (const bool by_patient : {false, true}) {
    const EvaluationFigures figures = Evaluate(AtLevel(frames, by_patient), classes);
    ordered_json level = ordered_json::object();
    for (const char* key : kCorruptedKeys) {
      for (const NamedFigure& figure : kNamedFigures) {
        if (std::string(figure.key) == key) level[key] = figures.*figure.member;
      }
    }
    result[by_patient ? "patient" : "frame"] = level;
  }
  return result;
}

// `combine` of the values of one level and key in all of `sets`.
template <typename Combine>
ordered_json Combined(const std::vector<ordered_json>& sets, const Combine& combine) {
  ordered_json result = ordered_json::object();
  for (const char* level : {"frame", "patient"}) {
    for (const char* key : kCorruptedKeys) {
      std::vector<double> values;
      for (const ordered_json& set : sets) values.push_back(set.at(level).at(key));
      result[level][key] = combine(values);
    }
  }
  return result;
}

double MeanOf(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / values.size();
}

}  // namespace

ordered_json EvidenceToJson(const EvidenceInput& input) {
  const int classes = static_cast<int>(input.class_names.size());
  ordered_json result = EvaluationToJson(input.frames, input.class_names);
  const std::optional<Recalibrated> recalibrated = Recalibrate(input.plan);
  for (const bool by_patient : {false, true}) {
    ordered_json& level = result[by_patient ? "patient" : "frame"];
    const Predictions predictions = AtLevel(input.frames, by_patient);
    level["intervals"] = IntervalsToJson(BootstrapIntervals(predictions, classes, input.bootstrap),
                                         input.class_names);
    if (by_patient) {
      level["wilson"] = WilsonToJson(ConfusionMatrix::Of(predictions, classes), input.class_names);
    }
    for (int threshold = 1; threshold < classes; ++threshold) {
      const std::string& name = input.class_names[threshold];
      level["roc"][name] = RocToJson(predictions, threshold);
      const auto point = ChooseOperatingPoint(input.plan, threshold, by_patient, input.rule);
      level["operating_points"][name] =
          point ? OperatingPointToJson(*point, by_patient) : ordered_json();
    }
    level["calibration"] = {
        {"before", CalibrationToJson(predictions)},
        {"after", recalibrated ? CalibrationToJson(AtLevel(recalibrated->after, by_patient))
                               : ordered_json()}};
    level["abstention"] = AbstentionToJson(predictions);
  }
  const std::set<std::string> patients(input.frames.patients.begin(), input.frames.patients.end());
  result["bootstrap"] = {{"resamples", input.bootstrap.resamples},
                         {"seed", input.bootstrap.seed},
                         {"level", 0.95},
                         {"unit", "patient"},
                         {"patients", patients.size()}};
  result["choice"] = {
      {"possible", !input.plan.parts.empty()},
      {"source", input.plan.source},
      {"rule", input.rule.sensitivity > 0.0 ? "sensitivity" : "youden"},
      {"wished_sensitivity",
       input.rule.sensitivity > 0.0 ? ordered_json(input.rule.sensitivity) : ordered_json()},
      {"temperatures",
       recalibrated ? ordered_json(recalibrated->temperatures) : ordered_json::array()}};
  if (input.patients) result["subgroups"] = SubgroupsToJson(input);
  return result;
}

ordered_json ComparisonToJson(const Predictions& first, const Predictions& second,
                              const std::vector<std::string>& class_names,
                              const BootstrapOptions& bootstrap) {
  const int classes = static_cast<int>(class_names.size());
  return {{"frame", LevelOfComparison(Compare(first, second, classes, false, bootstrap))},
          {"patient", LevelOfComparison(
                          Compare(ByPatient(first), ByPatient(second), classes, true, bootstrap))}};
}

ordered_json CorruptionsToJson(const Predictions& clean,
                               const std::vector<CorruptedAnswers>& corrupted,
                               const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(class_names.size());
  const ordered_json clean_figures = CorruptedFigures(clean, classes);
  ordered_json kinds = ordered_json::array();
  std::vector<ordered_json> means;
  if (corrupted.size() % kCorruptionStrengths != 0) {
    throw Error(ErrorKind::kInvalid, "corruptions come without some of their strengths");
  }
  for (std::size_t first = 0; first < corrupted.size(); first += kCorruptionStrengths) {
    const Corruption corruption = corrupted[first].corruption;
    ordered_json levels = ordered_json::array();
    std::vector<ordered_json> figures;
    for (int strength = 1; strength <= kCorruptionStrengths; ++strength) {
      const CorruptedAnswers& answers = corrupted[first + strength - 1];
      if (answers.corruption != corruption || answers.strength != strength) {
        throw Error(ErrorKind::kInvalid, "strengths of corruption '" + ToString(corruption) +
                                             "' are not 1 to " +
                                             std::to_string(kCorruptionStrengths) + " in order");
      }
      figures.push_back(CorruptedFigures(answers.frames, classes));
      ordered_json level = {{"strength", strength}, {"size", SizeOf(corruption, strength)}};
      level.update(figures.back());
      levels.push_back(level);
    }
    means.push_back(Combined(figures, MeanOf));
    kinds.push_back({{"name", ToString(corruption)},
                     {"place", CorruptsFrame(corruption) ? "frame" : "picture"},
                     {"unit", UnitOf(corruption)},
                     {"levels", levels},
                     {"mean", means.back()},
                     {"relative", Combined({means.back(), clean_figures},
                                           [](const std::vector<double>& values) {
                                             return values[0] / values[1];
                                           })}});
  }
  ordered_json result = {{"clean", clean_figures}, {"kinds", kinds}};
  if (!means.empty()) {
    result["mean"] = Combined(means, MeanOf);
    result["relative"] =
        Combined({result["mean"], clean_figures},
                 [](const std::vector<double>& values) { return values[0] / values[1]; });
  }
  return result;
}

}  // namespace hepar
