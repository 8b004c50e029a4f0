// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// The answers of a classifier to a set of cases (frames or patients), with the labels. The
// functions below throw Error(kInvalid) for parts of unlike length, a label outside 0..K-1 and
// probabilities that are not finite or do not sum to 1.
struct Predictions {
  std::vector<int> labels;                         // Truth, 0..K-1.
  std::vector<std::vector<double>> probabilities;  // K for each case, sum 1.
  std::vector<std::string> patients;               // Of each case.
};

// Throws as described above.
void CheckPredictions(const Predictions& predictions, int classes);

// The class of the largest probability, the lowest of equal ones: the answer.
int AnswerOf(const std::vector<double>& probabilities);

// Counts by (truth, prediction).
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes);
  // From labels and answers.
  static ConfusionMatrix Of(const Predictions& predictions, int classes);

  void Add(int truth, int prediction, int count = 1);
  int at(int truth, int prediction) const;
  int classes() const { return classes_; }
  int total() const;
  int count(int truth) const;  // Cases of a class.

  // Recall of one class; NaN when it has no case.
  double ClassAccuracy(int truth) const;
  // Pooled (micro) accuracy: the paper's "Average%". This and the two below are NaN without cases.
  double Accuracy() const;
  // Mean recall over the classes that have cases.
  double BalancedAccuracy() const;
  // Largest minus smallest recall of the classes that have cases: the paper's "Best-Worst%".
  double BestWorst() const;

 private:
  int classes_;
  std::vector<int> cells_;
};

// Area under the ROC curve, ties counting half (Mann-Whitney). NaN unless both classes occur.
double RocAuc(const std::vector<double>& scores, const std::vector<bool>& positive);

// AUC of "grade >= threshold" by the sum of the probabilities of those grades. NaN unless there are
// cases on both sides.
double GradeAuc(const Predictions& predictions, int threshold);

// Patients as cases, sorted by id: the mean of the probabilities of their frames. A patient with
// two labels throws Error(kMismatch).
Predictions ByPatient(const Predictions& frames);

// The figures that `hepar evaluate` reports for one level (frame or patient).
struct EvaluationFigures {
  int cases = 0;
  double accuracy = 0, balanced_accuracy = 0, best_worst = 0;
  std::vector<double> per_class;  // Recall; NaN for a class without cases.
  std::vector<int> per_class_cases;
  double auc_mild = 0, auc_moderate = 0, auc_severe = 0;
  // Agreement (agreement.h): Cohen's kappa, the same with quadratic weights, Matthews' correlation,
  // mean distance in grades, share of answers off by at most one grade.
  double macro_f1 = 0, kappa = 0, quadratic_kappa = 0, mcc = 0, mean_grade_error = 0;
  double within_one_grade = 0;
  // Calibration (calibration.h): expected error over 10 bins, Brier score, mean -log p(truth).
  double ece = 0, brier = 0, nll = 0;
};
EvaluationFigures Evaluate(const Predictions& predictions, int classes);

// Those of them that follow from the answers alone; areas and calibration are 0.
EvaluationFigures FiguresOf(const ConfusionMatrix& matrix);

// The figures but those of single classes, by the keys that `--json` and bundles use.
struct NamedFigure {
  const char* key;
  double EvaluationFigures::*member;
};
inline constexpr NamedFigure kNamedFigures[] = {
    {"accuracy", &EvaluationFigures::accuracy},
    {"balanced_accuracy", &EvaluationFigures::balanced_accuracy},
    {"best_worst", &EvaluationFigures::best_worst},
    {"auc_mild", &EvaluationFigures::auc_mild},
    {"auc_moderate", &EvaluationFigures::auc_moderate},
    {"auc_severe", &EvaluationFigures::auc_severe},
    {"macro_f1", &EvaluationFigures::macro_f1},
    {"kappa", &EvaluationFigures::kappa},
    {"qwk", &EvaluationFigures::quadratic_kappa},
    {"mcc", &EvaluationFigures::mcc},
    {"mae", &EvaluationFigures::mean_grade_error},
    {"within_one", &EvaluationFigures::within_one_grade},
    {"ece", &EvaluationFigures::ece},
    {"brier", &EvaluationFigures::brier},
    {"nll", &EvaluationFigures::nll}};

// The metrics of guessing on these cases: the expectation when every answer is drawn from the class
// shares of `labels`, whatever the picture. Accuracy is the sum of the squared shares, the recall
// of a class its share, balanced accuracy 1 / (number of classes that have cases), each AUC 0.5
// (NaN where Evaluate gives NaN), grade error and within-one those of two independent draws, kappas
// and Matthews' correlation 0 (NaN when only one class has cases). The others are NaN: best_worst
// and macro F1 have no expectation that depends on the shares alone, and a drawn answer has no
// probabilities to be calibrated.
EvaluationFigures ChanceFigures(const Predictions& predictions, int classes);

}  // namespace hepar
