// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"

namespace hepar {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

// Sure answers: right where `right` says so, else one grade off.
Predictions Answering(const std::vector<bool>& right) {
  Predictions predictions;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const int label = static_cast<int>(i % 4);
    predictions.labels.push_back(label);
    predictions.patients.push_back("P" + std::to_string(i));
    predictions.probabilities.emplace_back(4, 0.0);
    predictions.probabilities.back()[right[i] ? label : (label + 1) % 4] = 1.0;
  }
  return predictions;
}

TEST(HolmTest, TextbookExample) {
  EXPECT_THAT(HolmAdjusted({.01, .04, .03, .005}),
              ElementsAre(DoubleNear(.03, 1e-12), DoubleNear(.06, 1e-12), DoubleNear(.06, 1e-12),
                          DoubleNear(.02, 1e-12)));
}

TEST(HolmTest, NeverExceedsOneAndLeavesOutWhatIsNoTest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto adjusted = HolmAdjusted({.6, nan, .9});
  EXPECT_DOUBLE_EQ(adjusted[0], 1.0);
  EXPECT_TRUE(std::isnan(adjusted[1]));
  EXPECT_DOUBLE_EQ(adjusted[2], 1.0);
  ExpectError(ErrorKind::kInvalid, {"p-value"}, [] { HolmAdjusted({1.5}); });
}

TEST(CompareTest, CountsWhoIsRightAndTestsByMcNemar) {
  std::vector<bool> first, second;
  const auto add = [&](int cases, bool a, bool b) {
    first.insert(first.end(), cases, a);
    second.insert(second.end(), cases, b);
  };
  add(12, true, false);
  add(4, false, true);
  add(20, true, true);
  add(8, false, false);
  const Comparison comparison = Compare(Answering(first), Answering(second), 4, true, {200, 1});
  EXPECT_EQ(comparison.only_first, 12);
  EXPECT_EQ(comparison.only_second, 4);
  EXPECT_EQ(comparison.both, 20);
  EXPECT_EQ(comparison.neither, 8);
  EXPECT_NEAR(comparison.mcnemar_p_value, 0.0768127441, 1e-9);
  EXPECT_GE(comparison.mcnemar_holm_p_value, comparison.mcnemar_p_value);
}

TEST(CompareTest, AModelDoesNotDifferFromItself) {
  const Predictions predictions = SyntheticPredictions(24, 2, 1.0, 1);
  const Comparison comparison = Compare(predictions, predictions, 4, false, {300, 1});
  EXPECT_TRUE(std::isnan(comparison.mcnemar_p_value));
  ASSERT_EQ(comparison.figures.size(), 5u);
  for (const ComparedFigure& figure : comparison.figures) {
    EXPECT_DOUBLE_EQ(figure.difference, 0.0) << figure.name;
    EXPECT_DOUBLE_EQ(figure.interval.low, 0.0);
    EXPECT_DOUBLE_EQ(figure.interval.high, 0.0);
    EXPECT_DOUBLE_EQ(figure.p_value, 1.0);
  }
}

TEST(CompareTest, AClearDifferenceIsSeenWhicheverModelIsFirst) {
  const Predictions good = SyntheticPredictions(80, 1, 4.0, 2);
  const Predictions poor = SyntheticPredictions(80, 1, 0.3, 3);
  const Comparison there = Compare(good, poor, 4, true, {500, 1});
  const Comparison back = Compare(poor, good, 4, true, {500, 1});
  for (std::size_t i = 0; i < there.figures.size(); ++i) {
    const ComparedFigure &one = there.figures[i], &other = back.figures[i];
    EXPECT_GT(one.interval.low, 0.0) << one.name;
    EXPECT_NEAR(one.difference, -other.difference, 1e-12);
    // Twice 1 / 501, the least that 500 resamples can show, for each.
    EXPECT_NEAR(one.p_value, 2.0 / 501.0, 1e-12) << one.name;
    EXPECT_NEAR(other.p_value, one.p_value, 1e-12);
    EXPECT_GE(one.holm_p_value, one.p_value);
  }
}

TEST(CompareTest, RefusesOtherCases) {
  const Predictions predictions = SyntheticPredictions(8, 1, 1.0, 1);
  Predictions others = predictions;
  others.patients[0] = "X";
  ExpectError(ErrorKind::kMismatch, {"same cases"},
              [&] { Compare(predictions, others, 4, true, {}); });
}

}  // namespace
}  // namespace hepar
