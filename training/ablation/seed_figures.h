// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/metrics.h"

namespace hepar {

// The figures of the same training from several seeds, on the same cases.
struct SeedFigures {
  EvaluationFigures mean;
  EvaluationFigures deviation;  // Standard deviation over the seeds (n - 1); NaN for one seed.
  // Of the mean, over resamples of patients: how far other patients could move it. The spread over
  // seeds is not in it.
  FigureIntervals intervals;
  std::vector<EvaluationFigures> resampled;  // The mean in each resample.
};

// Throws Error(kMismatch) unless all have the same cases in the same order, Error(kInvalid) for no
// seed, and what CheckPredictions() throws.
SeedFigures OverSeeds(const std::vector<Predictions>& seeds, int classes,
                      const BootstrapOptions& options);

// mean(first) - mean(second) of one figure.
struct SeedDifference {
  double difference = 0.0;
  Interval interval;
  double p_value = 0.0;  // BootstrapPValue().
};

// Both from the same patients and BootstrapOptions, so that their resamples go together. Throws
// Error(kMismatch) for different numbers of resamples.
SeedDifference Difference(const SeedFigures& first, const SeedFigures& second,
                          double EvaluationFigures::*figure);

}  // namespace hepar
