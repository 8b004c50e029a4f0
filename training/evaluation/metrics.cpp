// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>

#include "models/error.h"
#include "training/evaluation/agreement.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/roc.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Half-precision engines round each probability.
constexpr double kSumTolerance = 1e-2;

Error Invalid(const std::string& what) { return Error(ErrorKind::kInvalid, what); }

}  // namespace

void CheckPredictions(const Predictions& predictions, int classes) {
  const auto cases = predictions.labels.size();
  if (predictions.probabilities.size() != cases) {
    throw Invalid("predictions hold " + std::to_string(cases) + " labels, but probabilities of " +
                  std::to_string(predictions.probabilities.size()) + " cases");
  }
  for (std::size_t i = 0; i < cases; ++i) {
    const std::string which = "case " + std::to_string(i);
    if (predictions.labels[i] < 0 || predictions.labels[i] >= classes) {
      throw Invalid(which + " has label " + std::to_string(predictions.labels[i]) +
                    ", expected 0 to " + std::to_string(classes - 1));
    }
    const auto& probabilities = predictions.probabilities[i];
    if (probabilities.size() != static_cast<std::size_t>(classes)) {
      throw Invalid(which + " has " + std::to_string(probabilities.size()) +
                    " probabilities, expected " + std::to_string(classes));
    }
    const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
    // Negated, so that NaN fails too.
    if (!(std::abs(sum - 1.0) <= kSumTolerance)) {
      throw Invalid(which + " has probabilities of sum " + std::to_string(sum) +
                    ", expected 1; the model gives no numbers that can be used");
    }
  }
}

int AnswerOf(const std::vector<double>& probabilities) {
  return static_cast<int>(std::max_element(probabilities.begin(), probabilities.end()) -
                          probabilities.begin());
}

ConfusionMatrix::ConfusionMatrix(int classes) : classes_(classes) {
  if (classes < 1) {
    throw Invalid("number of classes is " + std::to_string(classes) + ", expected 1 or more");
  }
  cells_.resize(static_cast<std::size_t>(classes) * classes);
}

ConfusionMatrix ConfusionMatrix::Of(const Predictions& predictions, int classes) {
  ConfusionMatrix matrix(classes);
  CheckPredictions(predictions, classes);
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    matrix.Add(predictions.labels[i], AnswerOf(predictions.probabilities[i]));
  }
  return matrix;
}

void ConfusionMatrix::Add(int truth, int prediction, int count) {
  if (truth < 0 || truth >= classes_ || prediction < 0 || prediction >= classes_) {
    throw Invalid("class " + std::to_string(truth) + " predicted as " + std::to_string(prediction) +
                  ", expected both from 0 to " + std::to_string(classes_ - 1));
  }
  cells_[truth * classes_ + prediction] += count;
}

int ConfusionMatrix::at(int truth, int prediction) const {
  return cells_[truth * classes_ + prediction];
}

int ConfusionMatrix::total() const { return std::accumulate(cells_.begin(), cells_.end(), 0); }

int ConfusionMatrix::count(int truth) const {
  const auto row = cells_.begin() + truth * classes_;
  return std::accumulate(row, row + classes_, 0);
}

double ConfusionMatrix::ClassAccuracy(int truth) const {
  const int cases = count(truth);
  return cases == 0 ? kNan : static_cast<double>(at(truth, truth)) / cases;
}

double ConfusionMatrix::Accuracy() const {
  const int cases = total();
  if (cases == 0) return kNan;
  int hits = 0;
  for (int k = 0; k < classes_; ++k) hits += at(k, k);
  return static_cast<double>(hits) / cases;
}

double ConfusionMatrix::BalancedAccuracy() const {
  double sum = 0.0;
  int present = 0;
  for (int k = 0; k < classes_; ++k) {
    if (count(k) == 0) continue;
    sum += ClassAccuracy(k);
    ++present;
  }
  return present == 0 ? kNan : sum / present;
}

double ConfusionMatrix::BestWorst() const {
  double best = -1.0;
  double worst = 2.0;
  for (int k = 0; k < classes_; ++k) {
    if (count(k) == 0) continue;
    best = std::max(best, ClassAccuracy(k));
    worst = std::min(worst, ClassAccuracy(k));
  }
  return best < worst ? kNan : best - worst;
}

double RocAuc(const std::vector<double>& scores, const std::vector<bool>& positive) {
  return RankedScores(scores, positive).Auc();
}

double GradeAuc(const Predictions& predictions, int threshold) {
  return RankedGrades(predictions, threshold).Auc();
}

Predictions ByPatient(const Predictions& frames) {
  const auto cases = frames.labels.size();
  if (frames.patients.size() != cases || frames.probabilities.size() != cases) {
    throw Invalid("predictions hold " + std::to_string(cases) + " labels, " +
                  std::to_string(frames.patients.size()) + " patients and probabilities of " +
                  std::to_string(frames.probabilities.size()) + " cases; expected equal numbers");
  }
  struct Sum {
    int label = 0;
    int frames = 0;
    std::vector<double> probabilities;
  };
  std::map<std::string, Sum> sums;
  for (std::size_t i = 0; i < cases; ++i) {
    const auto& probabilities = frames.probabilities[i];
    auto [entry, is_new] = sums.try_emplace(frames.patients[i]);
    Sum& sum = entry->second;
    if (is_new) {
      sum.label = frames.labels[i];
      sum.probabilities.resize(probabilities.size());
    }
    if (sum.label != frames.labels[i]) {
      throw Error(ErrorKind::kMismatch, "patient '" + frames.patients[i] + "' has label " +
                                            std::to_string(sum.label) + " and label " +
                                            std::to_string(frames.labels[i]) +
                                            "; give each patient one label");
    }
    if (sum.probabilities.size() != probabilities.size()) {
      throw Invalid("case " + std::to_string(i) + " has " + std::to_string(probabilities.size()) +
                    " probabilities, expected " + std::to_string(sum.probabilities.size()));
    }
    for (std::size_t k = 0; k < probabilities.size(); ++k) sum.probabilities[k] += probabilities[k];
    ++sum.frames;
  }
  Predictions patients;
  for (auto& [patient, sum] : sums) {
    for (double& probability : sum.probabilities) probability /= sum.frames;
    patients.labels.push_back(sum.label);
    patients.probabilities.push_back(std::move(sum.probabilities));
    patients.patients.push_back(patient);
  }
  return patients;
}

EvaluationFigures FiguresOf(const ConfusionMatrix& matrix) {
  EvaluationFigures figures;
  figures.cases = matrix.total();
  figures.accuracy = matrix.Accuracy();
  figures.balanced_accuracy = matrix.BalancedAccuracy();
  figures.best_worst = matrix.BestWorst();
  for (int k = 0; k < matrix.classes(); ++k) {
    figures.per_class.push_back(matrix.ClassAccuracy(k));
    figures.per_class_cases.push_back(matrix.count(k));
  }
  figures.macro_f1 = MacroF1(matrix);
  figures.kappa = CohenKappa(matrix);
  figures.quadratic_kappa = QuadraticWeightedKappa(matrix);
  figures.mcc = MatthewsCorrelation(matrix);
  figures.mean_grade_error = MeanGradeError(matrix);
  figures.within_one_grade = WithinOneGrade(matrix);
  return figures;
}

EvaluationFigures Evaluate(const Predictions& predictions, int classes) {
  EvaluationFigures figures = FiguresOf(ConfusionMatrix::Of(predictions, classes));
  figures.auc_mild = GradeAuc(predictions, 1);
  figures.auc_moderate = GradeAuc(predictions, 2);
  figures.auc_severe = GradeAuc(predictions, 3);
  figures.ece = ExpectedCalibrationError(predictions);
  figures.brier = BrierScore(predictions);
  figures.nll = NegativeLogLikelihood(predictions);
  return figures;
}

EvaluationFigures ChanceFigures(const Predictions& predictions, int classes) {
  EvaluationFigures figures = Evaluate(predictions, classes);
  for (double* unknown :
       {&figures.best_worst, &figures.macro_f1, &figures.ece, &figures.brier, &figures.nll}) {
    *unknown = kNan;
  }
  if (figures.cases == 0) return figures;
  figures.accuracy = figures.mean_grade_error = figures.within_one_grade = 0.0;
  int present = 0;
  for (int k = 0; k < classes; ++k) {
    if (figures.per_class_cases[k] == 0) continue;
    const double share = static_cast<double>(figures.per_class_cases[k]) / figures.cases;
    figures.accuracy += share * share;
    figures.per_class[k] = share;
    ++present;
    for (int answer = 0; answer < classes; ++answer) {
      const double both = share * figures.per_class_cases[answer] / figures.cases;
      figures.mean_grade_error += both * std::abs(k - answer);
      if (std::abs(k - answer) <= 1) figures.within_one_grade += both;
    }
  }
  figures.balanced_accuracy = 1.0 / present;
  figures.kappa = figures.quadratic_kappa = figures.mcc = present > 1 ? 0.0 : kNan;
  for (double* auc : {&figures.auc_mild, &figures.auc_moderate, &figures.auc_severe}) {
    if (!std::isnan(*auc)) *auc = 0.5;
  }
  return figures;
}

}  // namespace hepar
