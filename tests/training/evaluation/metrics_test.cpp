// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "models/error.h"
#include "training/evaluation/agreement.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/statistics.h"

namespace hepar {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

ConfusionMatrix Matrix(const std::vector<std::vector<int>>& cells) {
  ConfusionMatrix matrix(static_cast<int>(cells.size()));
  for (int truth = 0; truth < matrix.classes(); ++truth) {
    for (int prediction = 0; prediction < matrix.classes(); ++prediction) {
      matrix.Add(truth, prediction, cells[truth][prediction]);
    }
  }
  return matrix;
}

ConfusionMatrix FourGrades() {
  return Matrix({{8, 2, 0, 0}, {1, 6, 3, 0}, {0, 2, 5, 1}, {0, 0, 1, 3}});
}

// Cases that answer as sure as can be.
Predictions Answers(const std::vector<int>& labels, const std::vector<int>& answers) {
  Predictions predictions;
  predictions.labels = labels;
  for (int answer : answers) {
    predictions.probabilities.emplace_back(4, 0.0);
    predictions.probabilities.back()[answer] = 1.0;
  }
  return predictions;
}

template <typename Function>
void ExpectError(ErrorKind kind, const std::string& part, const Function& function) {
  try {
    function();
    ADD_FAILURE() << "no error, expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(ConfusionMatrixTest, FiguresOfAFourGradeMatrix) {
  const auto matrix = FourGrades();
  EXPECT_EQ(matrix.total(), 32);
  EXPECT_EQ(matrix.count(2), 8);
  EXPECT_DOUBLE_EQ(matrix.Accuracy(), 0.6875);
  EXPECT_DOUBLE_EQ(matrix.BalancedAccuracy(), 0.69375);
  EXPECT_NEAR(matrix.BestWorst(), 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(matrix.ClassAccuracy(0), 0.8);
  EXPECT_DOUBLE_EQ(matrix.ClassAccuracy(1), 0.6);
  EXPECT_DOUBLE_EQ(matrix.ClassAccuracy(2), 0.625);
  EXPECT_DOUBLE_EQ(matrix.ClassAccuracy(3), 0.75);
}

TEST(ConfusionMatrixTest, ReproducesTheBestRowOfThePapersTable) {
  // Normal, mild, moderate, severe; which wrong class was said does not matter to these figures.
  const auto matrix = Matrix({{66, 3, 0, 0}, {21, 69, 0, 0}, {0, 15, 51, 0}, {0, 0, 6, 33}});
  EXPECT_NEAR(100 * matrix.ClassAccuracy(1), 76.67, 0.005);
  EXPECT_NEAR(100 * matrix.ClassAccuracy(2), 77.27, 0.005);
  EXPECT_NEAR(100 * matrix.ClassAccuracy(3), 84.62, 0.005);
  EXPECT_NEAR(100 * matrix.ClassAccuracy(0), 95.65, 0.005);
  // The paper prints the difference of the rounded recalls.
  EXPECT_NEAR(100 * matrix.BestWorst(), 18.98, 0.015);
  EXPECT_NEAR(100 * matrix.Accuracy(), 82.95, 0.005);
  EXPECT_NEAR(100 * matrix.BalancedAccuracy(), 83.55, 0.005);
}

TEST(ConfusionMatrixTest, ClassesWithoutCasesCountForNothing) {
  const auto matrix = Matrix({{3, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  EXPECT_THAT(matrix.ClassAccuracy(3), IsNan());
  EXPECT_DOUBLE_EQ(matrix.BalancedAccuracy(), 0.625);
  EXPECT_DOUBLE_EQ(matrix.BestWorst(), 0.25);
}

TEST(ConfusionMatrixTest, HasNoFiguresWithoutCases) {
  const ConfusionMatrix matrix(4);
  EXPECT_THAT(matrix.Accuracy(), IsNan());
  EXPECT_THAT(matrix.BalancedAccuracy(), IsNan());
  EXPECT_THAT(matrix.BestWorst(), IsNan());
}

TEST(ConfusionMatrixTest, RowsAreTruthAndTheLowestClassWinsATie) {
  Predictions predictions;
  predictions.labels = {2, 3};
  predictions.probabilities = {{0.1, 0.4, 0.4, 0.1}, {0.0, 0.0, 0.3, 0.7}};
  const auto matrix = ConfusionMatrix::Of(predictions, 4);
  EXPECT_EQ(matrix.at(2, 1), 1);
  EXPECT_EQ(matrix.at(3, 3), 1);
  EXPECT_EQ(matrix.total(), 2);
}

TEST(ConfusionMatrixTest, ClassesOutOfRangeAreErrors) {
  ConfusionMatrix matrix(4);
  ExpectError(ErrorKind::kInvalid, "expected both from 0 to 3", [&] { matrix.Add(0, 4); });
  ExpectError(ErrorKind::kInvalid, "expected both from 0 to 3", [&] { matrix.Add(-1, 0); });
}

TEST(AgreementTest, FiguresOfAFourGradeMatrix) {
  const auto matrix = FourGrades();
  EXPECT_NEAR(MacroF1(matrix), 0.6950851393, 1e-9);
  EXPECT_NEAR(QuadraticWeightedKappa(matrix), 0.8461538462, 1e-9);
  EXPECT_NEAR(CohenKappa(matrix), 0.5710455764, 1e-9);
  EXPECT_NEAR(MatthewsCorrelation(matrix), 0.5718125957, 1e-9);
  EXPECT_DOUBLE_EQ(MeanGradeError(matrix), 0.3125);
  EXPECT_DOUBLE_EQ(WithinOneGrade(matrix), 1.0);
  EXPECT_NEAR(Specificity(matrix, 0), 0.9545454545, 1e-9);
  EXPECT_NEAR(Specificity(matrix, 1), 0.8181818182, 1e-9);
  EXPECT_NEAR(Specificity(matrix, 2), 0.8333333333, 1e-9);
  EXPECT_NEAR(Specificity(matrix, 3), 0.9642857143, 1e-9);
}

TEST(AgreementTest, GradesAsTestsForAtLeastThatGrade) {
  const auto matrix = FourGrades();
  const auto mild = AtLeast(matrix, 1), moderate = AtLeast(matrix, 2), severe = AtLeast(matrix, 3);
  EXPECT_NEAR(mild.Sensitivity(), 0.9545454545, 1e-9);
  EXPECT_NEAR(mild.Specificity(), 0.8, 1e-9);
  EXPECT_NEAR(moderate.Sensitivity(), 0.8333333333, 1e-9);
  EXPECT_NEAR(moderate.Specificity(), 0.85, 1e-9);
  EXPECT_NEAR(severe.Sensitivity(), 0.75, 1e-9);
  EXPECT_NEAR(severe.Specificity(), 0.9642857143, 1e-9);
  EXPECT_DOUBLE_EQ(mild.Ppv(), 21.0 / 23);
  EXPECT_DOUBLE_EQ(mild.Npv(), 8.0 / 9);
  EXPECT_EQ(mild.positives(), 22);
  EXPECT_EQ(mild.negatives(), 10);
}

TEST(AgreementTest, RowsAreTruth) {
  const auto matrix = Matrix({{1, 4}, {0, 5}});
  EXPECT_DOUBLE_EQ(Specificity(matrix, 0), 1.0);
  EXPECT_DOUBLE_EQ(Specificity(matrix, 1), 0.2);
  const auto test = AtLeast(matrix, 1);
  EXPECT_EQ(test.false_positives, 4);
  EXPECT_EQ(test.false_negatives, 0);
}

TEST(AgreementTest, QuadraticWeightsPunishFarAnswersMore) {
  const auto near = Matrix({{5, 5, 0}, {0, 10, 0}, {0, 0, 10}});
  const auto far = Matrix({{5, 0, 5}, {0, 10, 0}, {0, 0, 10}});
  EXPECT_DOUBLE_EQ(CohenKappa(near), CohenKappa(far));
  EXPECT_GT(QuadraticWeightedKappa(near), QuadraticWeightedKappa(far) + 0.1);
  EXPECT_DOUBLE_EQ(MeanGradeError(far), 2 * MeanGradeError(near));
  EXPECT_DOUBLE_EQ(WithinOneGrade(far), 25.0 / 30);
}

TEST(AgreementTest, IsOneForRightAnswersAndNegativeForSwappedOnes) {
  const auto right = Matrix({{4, 0}, {0, 6}});
  const auto swapped = Matrix({{0, 5}, {5, 0}});
  for (const auto& figure : {CohenKappa, QuadraticWeightedKappa, MatthewsCorrelation}) {
    EXPECT_DOUBLE_EQ(figure(right), 1.0);
    EXPECT_DOUBLE_EQ(figure(swapped), -1.0);
  }
  EXPECT_DOUBLE_EQ(MacroF1(right), 1.0);
}

TEST(AgreementTest, IsUndefinedWhereOneClassIsAllThereIs) {
  const auto same = Matrix({{0, 0, 0}, {0, 7, 0}, {0, 0, 0}});
  EXPECT_THAT(CohenKappa(same), IsNan());
  EXPECT_THAT(QuadraticWeightedKappa(same), IsNan());
  EXPECT_THAT(MatthewsCorrelation(same), IsNan());
  EXPECT_THAT(Specificity(same, 1), IsNan());
  EXPECT_THAT(F1(same, 0), IsNan());
  EXPECT_DOUBLE_EQ(MacroF1(same), 1.0);
  EXPECT_THAT(AtLeast(same, 1).Specificity(), IsNan());
  EXPECT_THAT(AtLeast(same, 1).Npv(), IsNan());
  // One constant answer to several classes agrees no better than chance.
  const auto constant = Matrix({{0, 4}, {0, 6}});
  EXPECT_DOUBLE_EQ(CohenKappa(constant), 0.0);
  EXPECT_THAT(MatthewsCorrelation(constant), IsNan());
}

TEST(AgreementTest, MacroF1CountsAClassThatIsAnsweredButNeverTrue) {
  EXPECT_DOUBLE_EQ(MacroF1(Matrix({{9, 1}, {0, 0}})), 9.0 / 19);
}

TEST(AgreementTest, HasNoFiguresWithoutCases) {
  const ConfusionMatrix matrix(4);
  EXPECT_THAT(MacroF1(matrix), IsNan());
  EXPECT_THAT(QuadraticWeightedKappa(matrix), IsNan());
  EXPECT_THAT(MeanGradeError(matrix), IsNan());
  EXPECT_THAT(WithinOneGrade(matrix), IsNan());
}

TEST(AgreementTest, ClassesAndThresholdsOutOfRangeAreErrors) {
  const auto matrix = FourGrades();
  ExpectError(ErrorKind::kInvalid, "expected 0 to 3", [&] { Specificity(matrix, 4); });
  ExpectError(ErrorKind::kInvalid, "expected 0 to 3", [&] { F1(matrix, -1); });
  ExpectError(ErrorKind::kInvalid, "expected 1 to 3", [&] { AtLeast(matrix, 0); });
  ExpectError(ErrorKind::kInvalid, "expected 1 to 3", [&] { AtLeast(matrix, 4); });
}

TEST(CalibrationTest, ExpectedErrorWeighsBinsByTheirCases) {
  EXPECT_NEAR(ExpectedCalibrationError({.95, .91, .85, .65, .62, .55},
                                       {true, true, false, true, false, true}),
              0.285, 1e-12);
}

TEST(CalibrationTest, BinsHoldTheirLowerEndAndTheLastHoldsOne) {
  const auto bins = Reliability({0.0, 0.5, 1.0, 0.75}, {false, true, true, false}, 2);
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].cases, 1);
  EXPECT_EQ(bins[1].cases, 3);
  EXPECT_DOUBLE_EQ(bins[1].confidence, 0.75);
  EXPECT_DOUBLE_EQ(bins[1].accuracy, 2.0 / 3);
  EXPECT_THAT(Reliability({}, {}, 3)[1].accuracy, IsNan());
}

TEST(CalibrationTest, ErrorOfPredictionsUsesTheLargestProbability) {
  Predictions predictions;
  predictions.labels = {0, 2};
  predictions.probabilities = {{.7, .1, .1, .1}, {.05, .9, .03, .02}};
  EXPECT_NEAR(ExpectedCalibrationError(predictions), (0.3 + 0.9) / 2, 1e-12);
  predictions.probabilities[0] = {1.004, 0, 0, 0};
  EXPECT_NEAR(ExpectedCalibrationError(predictions), 0.45, 1e-12);
}

TEST(CalibrationTest, BrierScoreSumsOverTheClasses) {
  Predictions predictions;
  predictions.labels = {0};
  predictions.probabilities = {{.7, .1, .1, .1}};
  EXPECT_NEAR(BrierScore(predictions), 0.12, 1e-12);
  EXPECT_DOUBLE_EQ(BrierScore(Answers({1}, {1})), 0.0);
  EXPECT_DOUBLE_EQ(BrierScore(Answers({1}, {2})), 2.0);
}

TEST(CalibrationTest, LogLikelihoodOfProbabilitiesIsThatOfTheirScaledLogits) {
  Predictions predictions;
  predictions.labels = {0};
  const double sum = std::exp(2.0) + 3.0;
  predictions.probabilities = {{std::exp(2.0) / sum, 1 / sum, 1 / sum, 1 / sum}};
  EXPECT_NEAR(NegativeLogLikelihood(predictions), 0.3407529539, 1e-9);
  EXPECT_NEAR(NegativeLogLikelihood(predictions, 2.0), 0.7436683806, 1e-9);
  EXPECT_NEAR(NegativeLogLikelihood(predictions, 1e6), std::log(4.0), 1e-5);
}

TEST(CalibrationTest, ImpossibleTruthsCostMuchButNotInfinity) {
  const double nll = NegativeLogLikelihood(Answers({1}, {2}));
  EXPECT_GT(nll, 80.0);
  EXPECT_LT(nll, 90.0);
}

TEST(CalibrationTest, HasNoFiguresWithoutCasesAndRefusesWhatIsNoProbability) {
  EXPECT_THAT(ExpectedCalibrationError(Predictions()), IsNan());
  EXPECT_THAT(BrierScore(Predictions()), IsNan());
  EXPECT_THAT(NegativeLogLikelihood(Predictions()), IsNan());
  ExpectError(ErrorKind::kInvalid, "expected 0 to 1", [] { Reliability({kNan}, {true}); });
  ExpectError(ErrorKind::kInvalid, "expected 0 to 1", [] { Reliability({1.5}, {true}); });
  ExpectError(ErrorKind::kInvalid, "2 confidences", [] { Reliability({.1, .2}, {true}); });
  ExpectError(ErrorKind::kInvalid, "bins", [] { Reliability({}, {}, 0); });
  ExpectError(ErrorKind::kInvalid, "temperature",
              [] { NegativeLogLikelihood(Predictions(), 0.0); });
  auto predictions = Answers({0}, {0});
  predictions.probabilities[0] = {.5, .1, .1, .1};
  ExpectError(ErrorKind::kInvalid, "expected 1", [&] { BrierScore(predictions); });
}

TEST(StatisticsTest, WilsonIntervals) {
  const auto all = WilsonInterval(219, 264);
  EXPECT_NEAR(all.low, 0.7795383891, 1e-8);
  EXPECT_NEAR(all.high, 0.8700996496, 1e-8);
  const auto severe = WilsonInterval(33, 39);
  EXPECT_NEAR(severe.low, 0.7027053654, 1e-8);
  EXPECT_NEAR(severe.high, 0.9275252762, 1e-8);
  const auto none = WilsonInterval(0, 10);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, 0.2775327999, 1e-8);
  const auto every = WilsonInterval(10, 10);
  EXPECT_NEAR(every.low, 1 - 0.2775327999, 1e-8);
  EXPECT_EQ(every.high, 1.0);
  EXPECT_THAT(WilsonInterval(0, 0).low, IsNan());
}

TEST(StatisticsTest, McNemarsExactTest) {
  EXPECT_NEAR(McNemarExact(12, 4), 0.0768127441, 1e-9);
  EXPECT_NEAR(McNemarExact(4, 12), 0.0768127441, 1e-9);
  EXPECT_NEAR(McNemarExact(0, 6), 2.0 / 64, 1e-12);
  EXPECT_EQ(McNemarExact(0, 0), 1.0);
  EXPECT_EQ(McNemarExact(5, 5), 1.0);
  // Beyond the range of 2^n in double, near the normal approximation at z = 2.
  EXPECT_NEAR(McNemarExact(5100, 4900), 0.0466, 5e-4);
}

TEST(StatisticsTest, RefusesImpossibleCounts) {
  ExpectError(ErrorKind::kInvalid, "hits", [] { WilsonInterval(3, 2); });
  ExpectError(ErrorKind::kInvalid, "hits", [] { WilsonInterval(-1, 2); });
  ExpectError(ErrorKind::kInvalid, "z is", [] { WilsonInterval(1, 2, 0.0); });
  ExpectError(ErrorKind::kInvalid, "expected 0 or more", [] { McNemarExact(-1, 2); });
}

TEST(RocAucTest, TiesCountHalf) {
  EXPECT_NEAR(RocAuc({.1, .4, .35, .8, .4, .7}, {false, false, true, true, true, false}),
              0.6111111111, 1e-10);
}

TEST(RocAucTest, OrderedScoresGiveOneAndEqualOnesHalf) {
  EXPECT_DOUBLE_EQ(RocAuc({.1, .2, .8, .9}, {false, false, true, true}), 1.0);
  EXPECT_DOUBLE_EQ(RocAuc({.1, .2, .8, .9}, {true, true, false, false}), 0.0);
  EXPECT_DOUBLE_EQ(RocAuc({.5, .5, .5}, {false, true, true}), 0.5);
}

TEST(RocAucTest, NeedsBothClassesAndNumbers) {
  EXPECT_THAT(RocAuc({.1, .2}, {true, true}), IsNan());
  EXPECT_THAT(RocAuc({}, {}), IsNan());
  ExpectError(ErrorKind::kInvalid, "2 scores", [] { RocAuc({.1, .2}, {true}); });
  ExpectError(ErrorKind::kInvalid, "not a number", [] { RocAuc({kNan, .2}, {true, false}); });
}

TEST(GradeAucTest, ScoresByTheProbabilityOfTheGradesFromTheThresholdUp) {
  Predictions predictions;
  predictions.labels = {0, 1, 2, 3};
  predictions.probabilities = {
      {.7, .1, .1, .1}, {.2, .2, .3, .3}, {.3, .3, .2, .2}, {.1, .1, .1, .7}};
  // P(>=1): .3 .8 .7 .9; P(>=2): .2 .6 .4 .8; P(>=3): .1 .3 .2 .7.
  EXPECT_DOUBLE_EQ(GradeAuc(predictions, 1), 1.0);
  EXPECT_DOUBLE_EQ(GradeAuc(predictions, 2), 0.75);
  EXPECT_DOUBLE_EQ(GradeAuc(predictions, 3), 1.0);
}

TEST(ByPatientTest, AveragesTheFramesOfEachPatient) {
  Predictions frames;
  frames.labels = {3, 0, 3};
  frames.patients = {"P2", "P1", "P2"};
  frames.probabilities = {{.1, .2, .3, .4}, {1, 0, 0, 0}, {.3, .4, .1, .2}};
  const auto patients = ByPatient(frames);
  EXPECT_THAT(patients.patients, ElementsAre("P1", "P2"));
  EXPECT_THAT(patients.labels, ElementsAre(0, 3));
  EXPECT_THAT(patients.probabilities[1], ElementsAre(DoubleNear(.2, 1e-12), DoubleNear(.3, 1e-12),
                                                     DoubleNear(.2, 1e-12), DoubleNear(.3, 1e-12)));
}

TEST(ByPatientTest, PatientWithTwoLabelsIsAnError) {
  auto frames = Answers({0, 1}, {0, 1});
  frames.patients = {"P7", "P7"};
  ExpectError(ErrorKind::kMismatch, "'P7'", [&] { ByPatient(frames); });
}

TEST(ByPatientTest, NeedsThePatientOfEachCase) {
  ExpectError(ErrorKind::kInvalid, "0 patients", [] { ByPatient(Answers({0}, {0})); });
}

TEST(EvaluateTest, GathersTheFigures) {
  const auto figures = Evaluate(Answers({0, 0, 1, 2, 3, 3}, {0, 1, 1, 2, 3, 2}), 4);
  EXPECT_EQ(figures.cases, 6);
  EXPECT_DOUBLE_EQ(figures.accuracy, 4.0 / 6);
  EXPECT_DOUBLE_EQ(figures.balanced_accuracy, 0.75);
  EXPECT_DOUBLE_EQ(figures.best_worst, 0.5);
  EXPECT_THAT(figures.per_class, ElementsAre(0.5, 1.0, 1.0, 0.5));
  EXPECT_THAT(figures.per_class_cases, ElementsAre(2, 1, 1, 2));
  EXPECT_DOUBLE_EQ(figures.auc_mild, 0.75);
  EXPECT_DOUBLE_EQ(figures.auc_moderate, 1.0);
  EXPECT_DOUBLE_EQ(figures.auc_severe, 0.75);
  EXPECT_DOUBLE_EQ(figures.mean_grade_error, 2.0 / 6);
  EXPECT_DOUBLE_EQ(figures.within_one_grade, 1.0);
  EXPECT_DOUBLE_EQ(figures.macro_f1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(figures.quadratic_kappa, 1.0 - 2.0 / 15);
  EXPECT_DOUBLE_EQ(figures.ece, 2.0 / 6);
  EXPECT_DOUBLE_EQ(figures.brier, 4.0 / 6);
}

TEST(EvaluateTest, RefusesWhatIsNoProbability) {
  auto predictions = Answers({0, 1}, {0, 1});
  predictions.probabilities[1] = {kNan, 0, 0, 0};
  ExpectError(ErrorKind::kInvalid, "case 1", [&] { Evaluate(predictions, 4); });
  predictions.probabilities[1] = {.5, .1, .1, .1};
  ExpectError(ErrorKind::kInvalid, "expected 1", [&] { Evaluate(predictions, 4); });
  predictions.probabilities[1] = {.5, .5};
  ExpectError(ErrorKind::kInvalid, "2 probabilities", [&] { Evaluate(predictions, 4); });
  ExpectError(ErrorKind::kInvalid, "label 4", [] { Evaluate(Answers({4}, {0}), 4); });
  ExpectError(ErrorKind::kInvalid, "2 labels", [] { Evaluate(Answers({0, 1}, {0}), 4); });
}

TEST(ChanceFiguresTest, AreThoseOfGuessingByTheClassShares) {
  const std::vector<int> labels = {0, 0, 0, 0, 0, 1, 1, 1, 2, 3};
  const auto figures = ChanceFigures(Answers(labels, labels), 4);
  EXPECT_EQ(figures.cases, 10);
  EXPECT_DOUBLE_EQ(figures.accuracy, 0.25 + 0.09 + 0.01 + 0.01);
  EXPECT_DOUBLE_EQ(figures.balanced_accuracy, 0.25);
  EXPECT_THAT(figures.best_worst, IsNan());
  EXPECT_THAT(figures.per_class, ElementsAre(0.5, 0.3, 0.1, 0.1));
  EXPECT_THAT(figures.per_class_cases, ElementsAre(5, 3, 1, 1));
  EXPECT_DOUBLE_EQ(figures.auc_mild, 0.5);
  EXPECT_DOUBLE_EQ(figures.auc_moderate, 0.5);
  EXPECT_DOUBLE_EQ(figures.auc_severe, 0.5);
  EXPECT_EQ(figures.quadratic_kappa, 0.0);
  EXPECT_EQ(figures.kappa, 0.0);
  EXPECT_EQ(figures.mcc, 0.0);
  // Twice the pairs (0,1) .15, (0,2) .05, (0,3) .05, (1,2) .03, (1,3) .03, (2,3) .01.
  EXPECT_NEAR(figures.mean_grade_error, 2 * (.15 + .1 + .15 + .03 + .06 + .01), 1e-12);
  EXPECT_NEAR(figures.within_one_grade, .36 + 2 * (.15 + .03 + .01), 1e-12);
  for (double unknown : {figures.macro_f1, figures.ece, figures.brier, figures.nll}) {
    EXPECT_THAT(unknown, IsNan());
  }
}

TEST(ChanceFiguresTest, HaveNoAgreementBeyondChanceWithOneClass) {
  const auto figures = ChanceFigures(Answers({2, 2}, {2, 2}), 4);
  EXPECT_THAT(figures.kappa, IsNan());
  EXPECT_THAT(figures.quadratic_kappa, IsNan());
  EXPECT_THAT(figures.mcc, IsNan());
  EXPECT_DOUBLE_EQ(figures.mean_grade_error, 0.0);
}

TEST(ChanceFiguresTest, DoNotDependOnTheAnswers) {
  const std::vector<int> labels = {0, 0, 1, 2, 3};
  const auto right = ChanceFigures(Answers(labels, labels), 4);
  const auto wrong = ChanceFigures(Answers(labels, {3, 3, 3, 3, 0}), 4);
  EXPECT_EQ(right.accuracy, wrong.accuracy);
  EXPECT_EQ(right.balanced_accuracy, wrong.balanced_accuracy);
  EXPECT_EQ(right.per_class, wrong.per_class);
}

TEST(ChanceFiguresTest, LeaveOutWhatTheCasesCannotShow) {
  const std::vector<int> labels = {0, 0, 0, 1};
  const auto figures = ChanceFigures(Answers(labels, labels), 4);
  EXPECT_DOUBLE_EQ(figures.balanced_accuracy, 0.5);
  EXPECT_THAT(figures.per_class[3], IsNan());
  EXPECT_DOUBLE_EQ(figures.auc_mild, 0.5);
  EXPECT_THAT(figures.auc_severe, IsNan());
}

}  // namespace
}  // namespace hepar
