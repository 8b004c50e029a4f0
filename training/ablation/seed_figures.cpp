// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/seed_figures.h"

#include <cmath>
#include <limits>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// `target`'s figures by what `function` makes of the same figure of all others.
template <typename Function>
void Combine(const std::vector<EvaluationFigures>& all, const Function& function,
             EvaluationFigures* target) {
  std::vector<double> values(all.size());
  for (const NamedFigure& figure : kNamedFigures) {
    for (std::size_t i = 0; i < all.size(); ++i) values[i] = all[i].*figure.member;
    target->*figure.member = function(values);
  }
  target->per_class.resize(all[0].per_class.size());
  for (std::size_t k = 0; k < target->per_class.size(); ++k) {
    for (std::size_t i = 0; i < all.size(); ++i) values[i] = all[i].per_class[k];
    target->per_class[k] = function(values);
  }
}

double Mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Deviation(const std::vector<double>& values) {
  if (values.size() < 2) return kNan;
  const double mean = Mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

EvaluationFigures MeanOf(const std::vector<EvaluationFigures>& all) {
  EvaluationFigures mean = all[0];  // The numbers of cases.
  Combine(all, Mean, &mean);
  return mean;
}

}  // namespace

SeedFigures OverSeeds(const std::vector<Predictions>& seeds, int classes,
                      const BootstrapOptions& options) {
  if (seeds.empty()) throw Error(ErrorKind::kInvalid, "there is no seed to average over");
  std::vector<EvaluationFigures> of_seed;
  std::vector<WeightedFigures> weighted;
  for (const Predictions& seed : seeds) {
    if (seed.labels != seeds[0].labels || seed.patients != seeds[0].patients) {
      throw Error(ErrorKind::kMismatch, "the seeds were scored on different cases");
    }
    of_seed.push_back(Evaluate(seed, classes));
    weighted.emplace_back(seed, classes);
  }
  SeedFigures figures;
  figures.mean = MeanOf(of_seed);
  figures.deviation = of_seed[0];
  Combine(of_seed, Deviation, &figures.deviation);

  PatientResampler resampler(seeds[0].patients, options.seed);
  for (int i = 0; i < options.resamples; ++i) {
    const std::vector<int>& counts = resampler.Next();
    std::vector<EvaluationFigures> resample;
    for (const WeightedFigures& seed : weighted) resample.push_back(seed.Of(counts));
    figures.resampled.push_back(MeanOf(resample));
  }
  const auto bounds = [&figures](double Interval::*bound, EvaluationFigures* target) {
    if (figures.resampled.empty()) {
      Combine(
          {figures.mean}, [](const std::vector<double>&) { return kNan; }, target);
      return;
    }
    const auto of = [bound](const std::vector<double>& values) {
      return PercentileInterval(values).*bound;
    };
    Combine(figures.resampled, of, target);
  };
  bounds(&Interval::low, &figures.intervals.low);
  bounds(&Interval::high, &figures.intervals.high);
  return figures;
}

SeedDifference Difference(const SeedFigures& first, const SeedFigures& second,
                          double EvaluationFigures::*figure) {
  if (first.resampled.size() != second.resampled.size()) {
    throw Error(ErrorKind::kMismatch, "the two have different resamples");
  }
  SeedDifference result;
  result.difference = first.mean.*figure - second.mean.*figure;
  std::vector<double> differences;
  for (std::size_t i = 0; i < first.resampled.size(); ++i) {
    differences.push_back(first.resampled[i].*figure - second.resampled[i].*figure);
  }
  result.interval = PercentileInterval(differences);
  result.p_value = BootstrapPValue(result.difference, differences);
  return result;
}

}  // namespace hepar
