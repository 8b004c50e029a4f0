// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "models/error.h"

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
  const auto matrix = Matrix({{8, 2, 0, 0}, {1, 6, 3, 0}, {0, 2, 5, 1}, {0, 0, 1, 3}});
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
