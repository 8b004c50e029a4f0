// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "training/evaluation/agreement.h"
#include "training/evaluation/metrics.h"

namespace hepar {

// A point of an ROC curve: the rates of answering yes from a score on.
struct RocPoint {
  double false_positive_rate = 0.0, sensitivity = 0.0;
};

// Cases ranked by a score that should be higher for the positive ones. Ranked once, so that areas
// of many resamples cost no sorting.
class RankedScores {
 public:
  // Throws Error(kInvalid) for parts of unlike length and for a score that is not a number.
  RankedScores(const std::vector<double>& scores, const std::vector<bool>& positive);

  // Area under the ROC curve, ties counting half (Mann-Whitney). NaN unless both classes occur.
  double Auc() const;
  // The same when case i occurs counts[i] times. Throws Error(kInvalid) for another length.
  double Auc(const std::vector<int>& counts) const;

  // From (0,0) to (1,1), rising: the corners of the line through the points of all scores that
  // occur. Empty unless both classes occur.
  std::vector<RocPoint> Curve() const;

  // Where "score >= threshold" is the answer yes: half-way between neighboring scores, as other
  // cases will fall between them. Of equal choices that with the lower threshold, which misses
  // less. NaN unless both classes occur, or when all scores are equal.
  //
  // The largest sensitivity + specificity - 1 (Youden 1950).
  double YoudenThreshold() const;
  // The highest that still has this sensitivity, 0..1; below all scores when nothing less does.
  double ThresholdOfSensitivity(double sensitivity) const;

 private:
  // A cut above the cases from `order_[begin]` on.
  struct Cut {
    double threshold = 0.0, sensitivity = 0.0, specificity = 0.0;
  };
  std::vector<Cut> Cuts() const;

  std::vector<double> scores_;      // Rising.
  std::vector<char> positive_;      // Of each of them.
  std::vector<std::size_t> order_;  // Where each stood.
};

// The score of "grade >= threshold" of each case: the sum of the probabilities of those grades.
std::vector<double> GradeScores(const Predictions& predictions, int threshold);
// Whether each case is of such a grade.
std::vector<bool> GradeTruths(const Predictions& predictions, int threshold);
// Both, ranked.
RankedScores RankedGrades(const Predictions& predictions, int threshold);

// The four-fold table of "score >= cut" against "grade >= threshold".
Dichotomy AtCut(const Predictions& predictions, int threshold, double cut);

}  // namespace hepar
