// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "models/error.h"
#include "training/evaluation/calibration.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Predictions Checked(const Predictions& predictions, int classes) {
  CheckPredictions(predictions, classes);
  return predictions;
}

// Mean of `values`, the i-th counted counts[i] times.
double WeightedMean(const std::vector<double>& values, const std::vector<int>& counts) {
  double sum = 0.0, cases = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += counts[i] * values[i];
    cases += counts[i];
  }
  return cases == 0.0 ? kNan : sum / cases;
}

}  // namespace

PatientResampler::PatientResampler(const std::vector<std::string>& patients, std::uint64_t seed)
    : counts_(patients.size()), random_(seed) {
  std::vector<std::string> sorted = patients;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  drawn_.resize(sorted.size());
  for (const std::string& patient : patients) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), patient);
    patient_of_.push_back(static_cast<int>(place - sorted.begin()));
  }
}

const std::vector<int>& PatientResampler::Next() {
  std::fill(drawn_.begin(), drawn_.end(), 0);
  for (std::size_t i = 0; i < drawn_.size(); ++i) {
    // The library's distributions differ between implementations; this does not, and its bias is
    // of the order of 2^-64.
    ++drawn_[random_() % drawn_.size()];
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] = drawn_[patient_of_[i]];
  return counts_;
}

WeightedFigures::WeightedFigures(const Predictions& predictions, int classes)
    : classes_(classes),
      labels_(Checked(predictions, classes).labels),
      mild_(RankedGrades(predictions, 1)),
      moderate_(RankedGrades(predictions, 2)),
      severe_(RankedGrades(predictions, 3)) {
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const Predictions one = {{labels_[i]}, {predictions.probabilities[i]}, {}};
    answers_.push_back(AnswerOf(predictions.probabilities[i]));
    brier_.push_back(BrierScore(one));
    nll_.push_back(NegativeLogLikelihood(one));
  }
}

EvaluationFigures WeightedFigures::Of(const std::vector<int>& counts) const {
  if (counts.size() != labels_.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(counts.size()) + " counts for " +
                                         std::to_string(labels_.size()) + " cases");
  }
  ConfusionMatrix matrix(classes_);
  for (std::size_t i = 0; i < labels_.size(); ++i) matrix.Add(labels_[i], answers_[i], counts[i]);
  EvaluationFigures figures = FiguresOf(matrix);
  figures.auc_mild = mild_.Auc(counts);
  figures.auc_moderate = moderate_.Auc(counts);
  figures.auc_severe = severe_.Auc(counts);
  figures.brier = WeightedMean(brier_, counts);
  figures.nll = WeightedMean(nll_, counts);
  figures.ece = kNan;
  return figures;
}

Interval PercentileInterval(std::vector<double> values) {
  values.erase(
      std::remove_if(values.begin(), values.end(), [](double value) { return std::isnan(value); }),
      values.end());
  if (values.empty()) return {kNan, kNan};
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    const double place = share * (values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - below) * (values[above] - values[below]);
  };
  return {at(0.025), at(0.975)};
}

double BootstrapPValue(double seen, const std::vector<double>& differences) {
  int resamples = 0, not_beyond = 0, not_below = 0;
  for (const double difference : differences) {
    if (std::isnan(difference)) continue;
    ++resamples;
    not_beyond += difference <= 0.0 ? 1 : 0;
    not_below += difference >= 0.0 ? 1 : 0;
  }
  if (std::isnan(seen) || resamples == 0) return kNan;
  return std::min(1.0, 2.0 * (std::min(not_beyond, not_below) + 1.0) / (resamples + 1.0));
}

FigureIntervals BootstrapIntervals(const Predictions& predictions, int classes,
                                   const BootstrapOptions& options) {
  const WeightedFigures figures(predictions, classes);
  PatientResampler resampler(predictions.patients, options.seed);
  std::vector<EvaluationFigures> resampled;
  for (int i = 0; i < options.resamples; ++i) resampled.push_back(figures.Of(resampler.Next()));

  FigureIntervals intervals;
  const auto set = [&](const auto& member_of) {
    std::vector<double> values;
    for (EvaluationFigures& one : resampled) values.push_back(member_of(one));
    const Interval interval = PercentileInterval(std::move(values));
    member_of(intervals.low) = interval.low;
    member_of(intervals.high) = interval.high;
  };
  for (const NamedFigure& figure : kNamedFigures) {
    set([&figure](EvaluationFigures& one) -> double& { return one.*figure.member; });
  }
  intervals.low.per_class.resize(classes);
  intervals.high.per_class.resize(classes);
  for (int k = 0; k < classes; ++k) {
    set([k](EvaluationFigures& one) -> double& { return one.per_class[k]; });
  }
  return intervals;
}

}  // namespace hepar
