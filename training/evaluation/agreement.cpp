// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/agreement.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

double Ratio(double part, double whole) {
  return whole == 0.0 ? std::numeric_limits<double>::quiet_NaN() : part / whole;
}

void CheckClass(const ConfusionMatrix& matrix, int k) {
  if (k < 0 || k >= matrix.classes()) {
    throw Error(ErrorKind::kInvalid, "class " + std::to_string(k) + ", expected 0 to " +
                                         std::to_string(matrix.classes() - 1));
  }
}

int Answers(const ConfusionMatrix& matrix, int prediction) {
  int answers = 0;
  for (int truth = 0; truth < matrix.classes(); ++truth) answers += matrix.at(truth, prediction);
  return answers;
}

// Sum of weight(truth, answer) times count(truth, answer) over all cells.
template <typename Weight, typename Count>
double SumOverCells(const ConfusionMatrix& matrix, const Weight& weight, const Count& count) {
  double sum = 0.0;
  for (int i = 0; i < matrix.classes(); ++i) {
    for (int j = 0; j < matrix.classes(); ++j) sum += weight(i, j) * count(i, j);
  }
  return sum;
}

// What kappa with the weights of disagreement `weight` is: 1 - observed / expected.
template <typename Weight>
double Kappa(const ConfusionMatrix& matrix, const Weight& weight) {
  std::vector<double> answers;
  for (int k = 0; k < matrix.classes(); ++k) answers.push_back(Answers(matrix, k));
  const double observed =
      SumOverCells(matrix, weight, [&](int i, int j) { return matrix.at(i, j); });
  const double expected =
      SumOverCells(matrix, weight, [&](int i, int j) { return matrix.count(i) * answers[j]; });
  return 1.0 - Ratio(observed * matrix.total(), expected);
}

}  // namespace

double Specificity(const ConfusionMatrix& matrix, int k) {
  CheckClass(matrix, k);
  const int others = matrix.total() - matrix.count(k);
  const int called = Answers(matrix, k) - matrix.at(k, k);
  return Ratio(others - called, others);
}

double F1(const ConfusionMatrix& matrix, int k) {
  CheckClass(matrix, k);
  return Ratio(2.0 * matrix.at(k, k), matrix.count(k) + Answers(matrix, k));
}

double MacroF1(const ConfusionMatrix& matrix) {
  double sum = 0.0;
  int defined = 0;
  for (int k = 0; k < matrix.classes(); ++k) {
    const double f1 = F1(matrix, k);
    if (std::isnan(f1)) continue;
    sum += f1;
    ++defined;
  }
  return Ratio(sum, defined);
}

double CohenKappa(const ConfusionMatrix& matrix) {
  return Kappa(matrix, [](int i, int j) { return i == j ? 0.0 : 1.0; });
}

double QuadraticWeightedKappa(const ConfusionMatrix& matrix) {
  return Kappa(matrix, [](int i, int j) { return static_cast<double>((i - j) * (i - j)); });
}

double MatthewsCorrelation(const ConfusionMatrix& matrix) {
  const double n = matrix.total();
  double hits = 0.0, both = 0.0, truths = 0.0, answers = 0.0;
  for (int k = 0; k < matrix.classes(); ++k) {
    const double r = matrix.count(k), c = Answers(matrix, k);
    hits += matrix.at(k, k);
    both += r * c;
    truths += r * r;
    answers += c * c;
  }
  return Ratio(n * hits - both, std::sqrt((n * n - truths) * (n * n - answers)));
}

double MeanGradeError(const ConfusionMatrix& matrix) {
  const auto distance = [](int i, int j) { return std::abs(i - j); };
  const auto count = [&](int i, int j) { return matrix.at(i, j); };
  return Ratio(SumOverCells(matrix, distance, count), matrix.total());
}

double WithinOneGrade(const ConfusionMatrix& matrix) {
  const auto near = [](int i, int j) { return std::abs(i - j) <= 1 ? 1 : 0; };
  const auto count = [&](int i, int j) { return matrix.at(i, j); };
  return Ratio(SumOverCells(matrix, near, count), matrix.total());
}

double Dichotomy::Sensitivity() const { return Ratio(true_positives, positives()); }

double Dichotomy::Specificity() const { return Ratio(true_negatives, negatives()); }

double Dichotomy::Ppv() const { return Ratio(true_positives, true_positives + false_positives); }

double Dichotomy::Npv() const { return Ratio(true_negatives, true_negatives + false_negatives); }

Dichotomy AtLeast(const ConfusionMatrix& matrix, int threshold) {
  if (threshold < 1 || threshold >= matrix.classes()) {
    throw Error(ErrorKind::kInvalid, "threshold grade is " + std::to_string(threshold) +
                                         ", expected 1 to " + std::to_string(matrix.classes() - 1));
  }
  Dichotomy cells;
  for (int truth = 0; truth < matrix.classes(); ++truth) {
    for (int answer = 0; answer < matrix.classes(); ++answer) {
      const bool is = truth >= threshold, said = answer >= threshold;
      (is ? (said ? cells.true_positives : cells.false_negatives)
          : (said ? cells.false_positives : cells.true_negatives)) += matrix.at(truth, answer);
    }
  }
  return cells;
}

}  // namespace hepar
