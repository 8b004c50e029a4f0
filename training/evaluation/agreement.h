// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/evaluation/metrics.h"

namespace hepar {

// How far answers and truth agree. In the formulas n(i, j) counts cases of class i answered as j,
// n is their number, r_i the cases of class i and c_j the answers j. The result is NaN wherever the
// denominator is 0; nothing here throws but for a class or threshold out of range, Error(kInvalid).

// Of the cases that are not of class k, the share that is not called k.
double Specificity(const ConfusionMatrix& matrix, int k);

// 2 n(k, k) / (r_k + c_k): harmonic mean of precision and recall. NaN for a class that has neither
// cases nor answers.
double F1(const ConfusionMatrix& matrix, int k);

// Mean of F1 over the classes where it is defined; a class that is answered but has no case counts
// as 0.
double MacroF1(const ConfusionMatrix& matrix);

// (p_o - p_e) / (1 - p_e) with p_o = sum n(k, k) / n and p_e = sum r_k c_k / n^2 (Cohen 1960).
// NaN when truth and answers are all of one and the same class.
double CohenKappa(const ConfusionMatrix& matrix);

// 1 - sum (i - j)^2 n(i, j) / sum (i - j)^2 r_i c_j / n (Cohen 1968): a grade missed by two costs
// four times one missed by one. NaN as for CohenKappa().
double QuadraticWeightedKappa(const ConfusionMatrix& matrix);

// Matthews' correlation for K classes (Gorodkin 2004): (n sum n(k, k) - sum r_k c_k) /
// sqrt((n^2 - sum r_k^2) (n^2 - sum c_k^2)). NaN when all cases, or all answers, are of one class.
double MatthewsCorrelation(const ConfusionMatrix& matrix);

// Mean |truth - answer|, in grades.
double MeanGradeError(const ConfusionMatrix& matrix);

// Share of the cases with |truth - answer| <= 1.
double WithinOneGrade(const ConfusionMatrix& matrix);

// "Is it at least grade t?", by the four-fold table of the answers.
struct Dichotomy {
  int true_positives = 0, false_negatives = 0, false_positives = 0, true_negatives = 0;

  int positives() const { return true_positives + false_negatives; }
  int negatives() const { return true_negatives + false_positives; }
  double Sensitivity() const;
  double Specificity() const;
  // Positive and negative predictive value, at the prevalence that the cases have.
  double Ppv() const;
  double Npv() const;
};

// Classes are grades in their order; `threshold` is 1..K-1.
Dichotomy AtLeast(const ConfusionMatrix& matrix, int threshold);

}  // namespace hepar
