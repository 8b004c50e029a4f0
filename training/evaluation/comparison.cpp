// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kCompared[] = {"balanced_accuracy", "qwk", "auc_mild", "auc_moderate",
                                     "auc_severe"};

}  // namespace

Comparison Compare(const Predictions& first, const Predictions& second, int classes,
                   bool cases_are_independent, const BootstrapOptions& options) {
  if (first.labels != second.labels || first.patients != second.patients) {
    throw Error(ErrorKind::kMismatch, "the models compared were not scored on the same cases");
  }
  const WeightedFigures first_figures(first, classes), second_figures(second, classes);
  Comparison comparison;
  for (std::size_t i = 0; i < first.labels.size(); ++i) {
    const bool first_right = AnswerOf(first.probabilities[i]) == first.labels[i];
    const bool second_right = AnswerOf(second.probabilities[i]) == first.labels[i];
    ++(first_right ? (second_right ? comparison.both : comparison.only_first)
                   : (second_right ? comparison.only_second : comparison.neither));
  }
  comparison.mcnemar_p_value =
      cases_are_independent ? McNemarExact(comparison.only_first, comparison.only_second) : kNan;

  const std::vector<int> once(first.labels.size(), 1);
  const EvaluationFigures of_first = first_figures.Of(once), of_second = second_figures.Of(once);
  std::vector<EvaluationFigures> firsts, seconds;
  PatientResampler resampler(first.patients, options.seed);
  for (int i = 0; i < options.resamples; ++i) {
    const std::vector<int>& counts = resampler.Next();
    firsts.push_back(first_figures.Of(counts));
    seconds.push_back(second_figures.Of(counts));
  }
  std::vector<double> p_values = {comparison.mcnemar_p_value};
  for (const NamedFigure& figure : kNamedFigures) {
    if (std::find(std::begin(kCompared), std::end(kCompared), std::string(figure.key)) ==
        std::end(kCompared)) {
      continue;
    }
    ComparedFigure compared;
    compared.name = figure.key;
    compared.first = of_first.*figure.member;
    compared.second = of_second.*figure.member;
    compared.difference = compared.first - compared.second;
    std::vector<double> differences;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      differences.push_back(firsts[i].*figure.member - seconds[i].*figure.member);
    }
    compared.interval = PercentileInterval(differences);
    compared.p_value = BootstrapPValue(compared.difference, differences);
    p_values.push_back(compared.p_value);
    comparison.figures.push_back(compared);
  }
  const std::vector<double> corrected = HolmAdjusted(p_values);
  comparison.mcnemar_holm_p_value = corrected[0];
  for (std::size_t i = 0; i < comparison.figures.size(); ++i) {
    comparison.figures[i].holm_p_value = corrected[i + 1];
  }
  return comparison;
}

}  // namespace hepar
