// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"
#include "training/evaluation/roc.h"
#include "training/evaluation/statistics.h"

namespace hepar {

struct BootstrapOptions {
  int resamples = 2000;    // 0 or more; 0 gives no intervals.
  std::uint64_t seed = 1;  // The same seed and patients give the same resamples.
};

// Draws as many patients as there are, with replacement; a patient's frames are drawn
// together, because they are not independent cases. Draws depend on the sorted patients and the
// seed alone, so resamples of frames, of patients and of another model's answers go together.
class PatientResampler {
 public:
  PatientResampler(const std::vector<std::string>& patients, std::uint64_t seed);

  // How often each case is in the next resample; valid until the next call.
  const std::vector<int>& Next();

 private:
  std::vector<int> patient_of_;  // Of each case, an index into the sorted patients.
  std::vector<int> drawn_;       // How often each patient was.
  std::vector<int> counts_;
  std::mt19937_64 random_;
};

// The figures of a set when its cases are counted more or less than once.
class WeightedFigures {
 public:
  // Throws as CheckPredictions().
  WeightedFigures(const Predictions& predictions, int classes);

  // As Evaluate() on a set that has case i counts[i] times, but `ece` is NaN: resampling
  // adds to a calibration error, so its resamples do not show its spread.
  EvaluationFigures Of(const std::vector<int>& counts) const;

 private:
  int classes_;
  std::vector<int> labels_, answers_;
  std::vector<double> brier_, nll_;  // Of each case.
  RankedScores mild_, moderate_, severe_;
};

// The 2.5th and 97.5th percentile, with linear interpolation between order statistics. Values that
// are not numbers (a resample without one of the classes has no AUC) are left out. NaN for none.
Interval PercentileInterval(std::vector<double> values);

// Two-sided p-value of a difference that was `seen`, from those of resamples: twice the share that
// is not on its side, (k + 1) / (n + 1), at most 1; never 0, as no number of resamples can show
// that. Values that are not numbers are left out. NaN for none.
double BootstrapPValue(double seen, const std::vector<double>& differences);

// Percentile intervals of the figures, over resamples of patients.
struct FigureIntervals {
  EvaluationFigures low, high;  // `cases`, `per_class_cases` and `ece` have none: 0 and NaN.
};
FigureIntervals BootstrapIntervals(const Predictions& predictions, int classes,
                                   const BootstrapOptions& options);

}  // namespace hepar
