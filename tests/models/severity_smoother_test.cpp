// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/severity_smoother.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

SeveritySmoother::Options Seconds(double seconds, double hysteresis = 0.05) {
  SeveritySmoother::Options options;
  options.seconds = seconds;
  options.hysteresis = hysteresis;
  return options;
}

TEST(SeveritySmootherTest, FirstFrameDecides) {
  SeveritySmoother smoother(Seconds(1));
  const auto& decision = smoother.Update({.1f, .7f, .1f, .1f}, 5.0);
  EXPECT_EQ(decision.grade, 1);
  EXPECT_TRUE(decision.changed);
  EXPECT_FLOAT_EQ(decision.confidence, .7f);
}

TEST(SeveritySmootherTest, AveragesExponentiallyOverTime) {
  SeveritySmoother smoother(Seconds(2));
  smoother.Update({1.f, 0.f}, 0.0);
  const auto& decision = smoother.Update({0.f, 1.f}, 1.0);
  EXPECT_NEAR(decision.probabilities[0], std::exp(-0.5), 1e-6);
  EXPECT_NEAR(decision.probabilities[0] + decision.probabilities[1], 1.0, 1e-6);
}

TEST(SeveritySmootherTest, OneOddFrameDoesNotFlipTheLabel) {
  SeveritySmoother smoother(Seconds(1));
  for (int i = 0; i < 25; ++i) smoother.Update({.8f, .2f}, i / 25.0);
  const auto& odd = smoother.Update({.1f, .9f}, 1.0);
  EXPECT_EQ(odd.grade, 0);
  EXPECT_FALSE(odd.changed);
}

TEST(SeveritySmootherTest, HysteresisHoldsNearlyEqualGrades) {
  SeveritySmoother smoother(Seconds(0.1, 0.05));
  smoother.Update({.51f, .49f}, 0.0);
  EXPECT_EQ(smoother.Update({.48f, .52f}, 0.9).grade, 0);
  EXPECT_EQ(smoother.Update({.40f, .60f}, 1.8).grade, 1);
}

TEST(SeveritySmootherTest, ZeroSecondsShowsEveryFrame) {
  SeveritySmoother smoother(Seconds(0));
  smoother.Update({.9f, .1f}, 0.0);
  const auto& decision = smoother.Update({.45f, .55f}, 0.04);
  EXPECT_EQ(decision.grade, 1);
  EXPECT_TRUE(decision.changed);
}

TEST(SeveritySmootherTest, LowConfidenceGivesNoGrade) {
  auto options = Seconds(1);
  options.min_confidence = 0.6;
  SeveritySmoother smoother(options);
  EXPECT_FALSE(smoother.Update({.5f, .5f}, 0.0).grade.has_value());
  EXPECT_FALSE(smoother.Update({.5f, .5f}, 0.1).changed);
  const auto& sure = smoother.Update({.99f, .01f}, 8.0);
  EXPECT_EQ(sure.grade, 0);
  EXPECT_TRUE(sure.changed);
}

TEST(SeveritySmootherTest, GapsBackwardStepsAndResetStartAfresh) {
  SeveritySmoother smoother(Seconds(1));
  smoother.Update({1.f, 0.f}, 0.0);
  EXPECT_FLOAT_EQ(smoother.Update({0.f, 1.f}, 60.0).probabilities[1], 1.f);
  EXPECT_FLOAT_EQ(smoother.Update({1.f, 0.f}, 1.0).probabilities[0], 1.f);
  smoother.Reset();
  EXPECT_FLOAT_EQ(smoother.Update({0.f, 1.f}, 1.1).probabilities[1], 1.f);
}

TEST(SeveritySmootherTest, AnotherNumberOfClassesStartsAfresh) {
  SeveritySmoother smoother(Seconds(1));
  smoother.Update({0.f, 0.f, 1.f}, 0.0);
  EXPECT_EQ(smoother.Update({.9f, .1f}, 0.1).grade, 0);
}

TEST(SeveritySmootherTest, EmptyProbabilitiesAreRefused) {
  SeveritySmoother smoother(Seconds(1));
  EXPECT_THROW(smoother.Update({}, 0.0), Error);
}

}  // namespace
}  // namespace hepar
