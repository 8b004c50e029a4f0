// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"
#include "training/evaluation/abstention.h"

namespace hepar {
namespace {

TEST(TemperatureTest, DividesTheLogits) {
  const Predictions predictions = {{0}, {Softmax({2, 0, -1, 1})}, {"p"}};
  const auto scaled = WithTemperature(predictions, 2.0).probabilities[0];
  const auto expected = Softmax({1, 0, -0.5, 0.5});
  for (int k = 0; k < 4; ++k) EXPECT_NEAR(scaled[k], expected[k], 1e-12);
  EXPECT_NEAR(NegativeLogLikelihood(predictions, 2.0), -std::log(expected[0]), 1e-12);
  ExpectError(ErrorKind::kInvalid, {"temperature"}, [&] { WithTemperature(predictions, 0.0); });
}

TEST(TemperatureTest, FitFindsTheOneThatTheLogitsWereMultipliedBy) {
  for (const double truth : {0.4, 1.0, 2.5}) {
    std::mt19937 random(11);
    std::normal_distribution<double> normal(0.0, 1.5);
    Predictions predictions;
    for (int i = 0; i < 20000; ++i) {
      std::vector<double> logits(4), distorted(4);
      for (int k = 0; k < 4; ++k) {
        logits[k] = normal(random);
        distorted[k] = logits[k] * truth;
      }
      const auto p = Softmax(logits);
      predictions.labels.push_back(std::discrete_distribution<int>(p.begin(), p.end())(random));
      predictions.probabilities.push_back(Softmax(distorted));
    }
    const double fitted = FitTemperature(predictions);
    EXPECT_NEAR(fitted, truth, 0.03 * truth);
    const double least = NegativeLogLikelihood(predictions, fitted);
    EXPECT_LT(least, NegativeLogLikelihood(predictions, 1.02 * fitted));
    EXPECT_LT(least, NegativeLogLikelihood(predictions, fitted / 1.02));
    EXPECT_LT(ExpectedCalibrationError(WithTemperature(predictions, fitted)), 0.02);
  }
}

TEST(TemperatureTest, FitStaysInItsRangeAndNeedsCases) {
  // Always right: the surer the better.
  const Predictions right = {{0, 1}, {{.7, .1, .1, .1}, {.1, .7, .1, .1}}, {"a", "b"}};
  EXPECT_NEAR(FitTemperature(right), kLeastTemperature, 1e-4);
  const Predictions wrong = {{1, 0}, {{.7, .1, .1, .1}, {.1, .7, .1, .1}}, {"a", "b"}};
  EXPECT_NEAR(FitTemperature(wrong), kLargestTemperature, 1e-2);
  EXPECT_TRUE(std::isnan(FitTemperature({})));
}

TEST(AbstentionTest, CurveAndAreaWorkedOutByHand) {
  const AbstentionCurve curve = Abstention({{.7, .9, .6, .8}, {true, true, true, false}});
  ASSERT_EQ(curve.points.size(), 4u);
  const double accuracies[] = {1.0, 0.5, 2.0 / 3.0, 0.75};
  const double confidences[] = {.9, .8, .7, .6};
  for (int i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(curve.points[i].coverage, (i + 1) / 4.0);
    EXPECT_NEAR(curve.points[i].accuracy, accuracies[i], 1e-12);
    EXPECT_DOUBLE_EQ(curve.points[i].confidence, confidences[i]);
  }
  EXPECT_NEAR(curve.area, (1.0 + 0.5 + 2.0 / 3.0 + 0.75) / 4.0, 1e-12);
}

TEST(AbstentionTest, EqualConfidencesShareTheirHits) {
  for (const bool first : {true, false}) {
    const AbstentionCurve curve = Abstention({{.5, .5, .9}, {first, !first, true}});
    EXPECT_DOUBLE_EQ(curve.points[1].accuracy, 0.75);
    EXPECT_NEAR(curve.points[2].accuracy, 2.0 / 3.0, 1e-12);
  }
}

TEST(AbstentionTest, WithoutCasesThereIsNoArea) {
  EXPECT_TRUE(std::isnan(Abstention({}).area));
  ExpectError(ErrorKind::kInvalid, {"outcomes"}, [] { Abstention({{.5}, {}}); });
}

}  // namespace
}  // namespace hepar
