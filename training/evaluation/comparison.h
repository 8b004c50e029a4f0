// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"

namespace hepar {

// One figure of two models on the same patients.
struct ComparedFigure {
  std::string name;                          // A key of kNamedFigures.
  double first = 0.0, second = 0.0;          // NaN where it has no value.
  double difference = 0.0;                   // first - second.
  Interval interval;                         // Of the difference, by resampling patients.
  double p_value = 0.0, holm_p_value = 0.0;  // Two-sided; after Holm's correction.
};

struct Comparison {
  int only_first = 0, only_second = 0, both = 0, neither = 0;  // Patients (frames) got right.
  double mcnemar_p_value = 1.0, mcnemar_holm_p_value = 1.0;
  std::vector<ComparedFigure> figures;
};

// Compares answers to the same cases. The figures are the three AUCs, the balanced accuracy and the
// quadratic weighted kappa. Their p-value is twice the share of resamples in which the difference
// is not on the side where it was seen, (k + 1) / (n + 1), at most 1. Holm's correction takes them
// and, where `cases_are_independent` (patients are, frames are not), McNemar's exact test, which is
// else NaN. Throws Error(kMismatch) unless labels and patients are the same, case by case.
Comparison Compare(const Predictions& first, const Predictions& second, int classes,
                   bool cases_are_independent, const BootstrapOptions& options);

}  // namespace hepar
