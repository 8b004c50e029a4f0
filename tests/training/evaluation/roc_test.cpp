// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/roc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

// One tie between the classes, at 0.4.
RankedScores Tied() {
  return RankedScores({.1, .4, .35, .8, .4, .7}, {false, false, true, true, true, false});
}

TEST(RankedScoresTest, AreaCountsTiesHalf) { EXPECT_NEAR(Tied().Auc(), 0.6111111111, 1e-10); }

TEST(RankedScoresTest, AreaWithCountsIsThatOfRepeatedCases) {
  const std::vector<double> scores = {.2, .6, .4, .6, .9};
  const std::vector<bool> positive = {false, false, true, true, true};
  const RankedScores once(scores, positive);
  // 0.2 three times, 0.4 not at all, 0.9 twice.
  const RankedScores repeated({.2, .2, .2, .6, .6, .9, .9},
                              {false, false, false, false, true, true, true});
  EXPECT_DOUBLE_EQ(once.Auc({3, 1, 0, 1, 2}), repeated.Auc());
  EXPECT_TRUE(std::isnan(once.Auc({1, 1, 0, 0, 0})));
  ExpectError(ErrorKind::kInvalid, {"counts"}, [&] { once.Auc({1, 1}); });
}

TEST(RankedScoresTest, CurveHasTheCornersWorkedOutByHand) {
  const auto curve = Tied().Curve();
  const std::vector<std::pair<double, double>> expected = {
      {0, 0}, {0, 1. / 3}, {1. / 3, 1. / 3}, {2. / 3, 2. / 3}, {2. / 3, 1}, {1, 1}};
  ASSERT_EQ(curve.size(), expected.size());
  double area = 0.0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_NEAR(curve[i].false_positive_rate, expected[i].first, 1e-12) << i;
    EXPECT_NEAR(curve[i].sensitivity, expected[i].second, 1e-12) << i;
    if (i > 0) {
      area += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) *
              (curve[i].sensitivity + curve[i - 1].sensitivity) / 2.0;
    }
  }
  EXPECT_NEAR(area, Tied().Auc(), 1e-12);
}

TEST(RankedScoresTest, CurveLeavesOutWhatIsNoCorner) {
  const RankedScores apart({.1, .2, .3, .7, .8, .9}, {false, false, false, true, true, true});
  EXPECT_EQ(apart.Curve().size(), 3u);
}

TEST(RankedScoresTest, YoudenTakesTheLowerOfEqualChoices) {
  // Sensitivity + specificity - 1 is 1/3 at 0.75 and at 0.225, and 0 between.
  EXPECT_DOUBLE_EQ(Tied().YoudenThreshold(), 0.225);
}

TEST(RankedScoresTest, WishedSensitivityGivesTheHighestThresholdThatHasIt) {
  EXPECT_DOUBLE_EQ(Tied().ThresholdOfSensitivity(0.3), 0.75);
  EXPECT_DOUBLE_EQ(Tied().ThresholdOfSensitivity(0.6), 0.375);
  EXPECT_DOUBLE_EQ(Tied().ThresholdOfSensitivity(2.0 / 3.0), 0.375);
  EXPECT_DOUBLE_EQ(Tied().ThresholdOfSensitivity(1.0), 0.225);
  ExpectError(ErrorKind::kInvalid, {"sensitivity"}, [] { Tied().ThresholdOfSensitivity(1.5); });
}

TEST(RankedScoresTest, NoThresholdWhereNothingCanBeToldApart) {
  const RankedScores equal({.5, .5}, {false, true}), one_class({.1, .9}, {true, true});
  EXPECT_TRUE(std::isnan(equal.YoudenThreshold()));
  EXPECT_TRUE(std::isnan(one_class.YoudenThreshold()));
  EXPECT_TRUE(std::isnan(one_class.ThresholdOfSensitivity(0.9)));
  EXPECT_TRUE(one_class.Curve().empty());
}

TEST(RankedScoresTest, RefusesWhatHasNoOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ExpectError(ErrorKind::kInvalid, {"not a number"}, [&] { RankedScores({nan}, {true}); });
  ExpectError(ErrorKind::kInvalid, {"2 truths"}, [] { RankedScores({.5}, {true, false}); });
}

TEST(AtCutTest, CountsTheFourFoldTable) {
  Predictions predictions;
  predictions.labels = {0, 1, 2, 3, 2};
  predictions.probabilities = {
      {.7, .1, .1, .1}, {.3, .1, .3, .3}, {.2, .2, .3, .3}, {.1, .1, .2, .6}, {.5, .3, .1, .1}};
  // Scores of "at least moderate": 0.2, 0.6, 0.6, 0.8, 0.2.
  const Dichotomy table = AtCut(predictions, 2, 0.6);
  EXPECT_EQ(table.true_positives, 2);
  EXPECT_EQ(table.false_negatives, 1);
  EXPECT_EQ(table.false_positives, 1);
  EXPECT_EQ(table.true_negatives, 1);
}

}  // namespace
}  // namespace hepar
