// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/choice.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <set>

#include "models/error.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/roc.h"

namespace hepar {
namespace {

void Append(const Predictions& more, Predictions* all) {
  const auto append = [](const auto& from, auto& to) {
    std::copy(from.begin(), from.end(), std::back_inserter(to));
  };
  append(more.labels, all->labels);
  append(more.probabilities, all->probabilities);
  append(more.patients, all->patients);
}

}  // namespace

ChoicePlan CrossFitted(const Predictions& frames, const std::vector<int>& group_of,
                       const std::string& source) {
  if (group_of.size() != frames.labels.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(group_of.size()) +
                                         " groups for " + std::to_string(frames.labels.size()) +
                                         " frames");
  }
  const std::set<int> groups(group_of.begin(), group_of.end());
  if (groups.size() < 2) return {{}, "there is one fold only, and no other to choose by"};
  ChoicePlan plan;
  plan.source = source;
  for (const int group : groups) {
    ScoredPart part;
    for (std::size_t i = 0; i < group_of.size(); ++i) {
      Append({{frames.labels[i]}, {frames.probabilities[i]}, {frames.patients[i]}},
             group_of[i] == group ? &part.scored : &part.choosing);
    }
    plan.parts.push_back(std::move(part));
  }
  CheckChoice(plan);
  return plan;
}

void CheckChoice(const ChoicePlan& plan) {
  for (const ScoredPart& part : plan.parts) {
    const std::set<std::string> choosing(part.choosing.patients.begin(),
                                         part.choosing.patients.end());
    for (const std::string& patient : part.scored.patients) {
      if (choosing.count(patient) == 0) continue;
      throw Error(ErrorKind::kMismatch, "patient '" + patient +
                                            "' is scored with thresholds that are chosen on the "
                                            "same patient; separate the patients, "
                                            "and give other people other ids");
    }
  }
}

std::optional<OperatingPoint> ChooseOperatingPoint(const ChoicePlan& plan, int threshold,
                                                   bool by_patient, const ThresholdRule& rule) {
  CheckChoice(plan);
  if (plan.parts.empty()) return std::nullopt;
  OperatingPoint point;
  for (const ScoredPart& part : plan.parts) {
    const RankedScores ranked =
        RankedGrades(by_patient ? ByPatient(part.choosing) : part.choosing, threshold);
    const double cut = rule.sensitivity > 0.0 ? ranked.ThresholdOfSensitivity(rule.sensitivity)
                                              : ranked.YoudenThreshold();
    if (std::isnan(cut)) return std::nullopt;
    const Dichotomy table =
        AtCut(by_patient ? ByPatient(part.scored) : part.scored, threshold, cut);
    point.table.true_positives += table.true_positives;
    point.table.false_negatives += table.false_negatives;
    point.table.false_positives += table.false_positives;
    point.table.true_negatives += table.true_negatives;
    point.thresholds.push_back(cut);
  }
  return point;
}

std::optional<Recalibrated> Recalibrate(const ChoicePlan& plan) {
  CheckChoice(plan);
  if (plan.parts.empty()) return std::nullopt;
  Recalibrated result;
  for (const ScoredPart& part : plan.parts) {
    if (part.choosing.labels.empty()) return std::nullopt;
    const double temperature = FitTemperature(part.choosing);
    result.temperatures.push_back(temperature);
    Append(part.scored, &result.before);
    Append(WithTemperature(part.scored, temperature), &result.after);
  }
  return result;
}

}  // namespace hepar
