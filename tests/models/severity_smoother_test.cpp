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

TEST(SeveritySmootherTest, TrustIsThatOfTheSmoothedProbabilities) {
  SeveritySmoother smoother(Seconds(2));
  EXPECT_FLOAT_EQ(smoother.Update({1.f, 0.f}, 0.0).trust, 1.f);
  const auto& decision = smoother.Update({0.f, 1.f}, 2.0 * std::log(2.0));
  EXPECT_NEAR(decision.probabilities[0], 0.5, 1e-6);
  EXPECT_NEAR(decision.trust, 0.0, 1e-6);
}

SeveritySmoother::Options WithLimit(double seconds) {
  auto options = Seconds(seconds);
  options.out_of_domain_above = 2.0;
  return options;
}

TEST(SeveritySmootherTest, AViewOutOfDomainHasNoGradeAndNoTrust) {
  SeveritySmoother smoother(WithLimit(1));
  const auto& decision = smoother.Update({.9f, .1f}, 0.0, 2.1);
  EXPECT_TRUE(decision.out_of_domain);
  EXPECT_FALSE(decision.grade.has_value());
  EXPECT_EQ(decision.trust, 0.f);
  EXPECT_TRUE(decision.changed);
  EXPECT_NEAR(decision.domain_score.value(), 2.1, 1e-6);
}

TEST(SeveritySmootherTest, OneOddFrameDoesNotLeaveTheDomain) {
  SeveritySmoother smoother(WithLimit(1));
  for (int i = 0; i < 25; ++i) smoother.Update({.8f, .2f}, i / 25.0, 1.0);
  const auto& odd = smoother.Update({.8f, .2f}, 1.0, 100.0);
  EXPECT_FALSE(odd.out_of_domain);
  EXPECT_EQ(odd.grade, 0);
  // Any larger score counts as twice the limit.
  EXPECT_NEAR(odd.domain_score.value(), 1.0 + 3.0 * (1.0 - std::exp(-0.04)), 1e-6);
}

TEST(SeveritySmootherTest, TheWayBackIntoTheDomainLiesBelowTheLimit) {
  SeveritySmoother smoother(WithLimit(0.1));
  EXPECT_TRUE(smoother.Update({.9f, .1f}, 0.0, 2.2).out_of_domain);
  EXPECT_TRUE(smoother.Update({.9f, .1f}, 0.9, 1.95).out_of_domain);
  const auto& back = smoother.Update({.9f, .1f}, 1.8, 1.85);
  EXPECT_FALSE(back.out_of_domain);
  EXPECT_TRUE(back.changed);
  // From inside, the same score does not leave the domain.
  EXPECT_FALSE(smoother.Update({.9f, .1f}, 2.7, 1.95).out_of_domain);
}

TEST(SeveritySmootherTest, FramesOutOfDomainDoNotReachTheGrade) {
  SeveritySmoother smoother(WithLimit(1));
  smoother.Update({.9f, .1f}, 0.0, 1.0);
  for (int i = 1; i < 50; ++i) smoother.Update({0.f, 1.f}, i / 25.0, 3.9);
  EXPECT_TRUE(smoother.Update({0.f, 1.f}, 2.0, 3.9).out_of_domain);
  SeveritySmoother::Decision back;
  for (int i = 1; i < 100; ++i) back = smoother.Update({.9f, .1f}, 2.0 + i / 25.0, 1.0);
  EXPECT_FALSE(back.out_of_domain);
  EXPECT_EQ(back.grade, 0);
  EXPECT_NEAR(back.probabilities[0], 0.9, 1e-6);
}

TEST(SeveritySmootherTest, TheFirstViewElsewhereLeavesNothingBehind) {
  SeveritySmoother smoother(WithLimit(1));
  smoother.Update({0.f, 1.f}, 0.0, 3.9);
  const auto& liver = smoother.Update({.9f, .1f}, 0.04, 1.0);
  EXPECT_FLOAT_EQ(liver.probabilities[0], .9f);
}

TEST(SeveritySmootherTest, WithoutSmoothingEachFrameSpeaksForItself) {
  SeveritySmoother smoother(WithLimit(0));
  smoother.Update({.9f, .1f}, 0.0, 1.0);
  const auto& out = smoother.Update({.2f, .8f}, 0.04, 2.1);
  EXPECT_TRUE(out.out_of_domain);
  EXPECT_FLOAT_EQ(out.probabilities[1], .8f);
  EXPECT_EQ(smoother.Update({.9f, .1f}, 0.08, 1.0).grade, 0);
}

TEST(SeveritySmootherTest, WithoutALimitTheScoreIsOnlyShown) {
  SeveritySmoother smoother(Seconds(1));
  const auto& decision = smoother.Update({.9f, .1f}, 0.0, 1e6);
  EXPECT_FALSE(decision.out_of_domain);
  EXPECT_EQ(decision.grade, 0);
  EXPECT_EQ(decision.domain_score, 1e6);
  EXPECT_FALSE(smoother.Update({.9f, .1f}, 0.1).domain_score.has_value());
}

SeveritySmoother::Options WithFamiliarLimit(double seconds) {
  auto options = WithLimit(seconds);
  options.unfamiliar_above = 1.0;
  options.min_confidence = 0.8;
  return options;
}

TEST(SeveritySmootherTest, AnUnfamiliarViewIsGradedWithoutTheConfidenceOfFamiliarOnes) {
  SeveritySmoother smoother(WithFamiliarLimit(1));
  EXPECT_FALSE(smoother.Update({.6f, .4f}, 0.0, 1.5, 0.9).grade.has_value());
  smoother.Reset();
  const auto& decision = smoother.Update({.6f, .4f}, 0.0, 1.5, 1.1);
  EXPECT_TRUE(decision.unfamiliar);
  EXPECT_FALSE(decision.out_of_domain);
  EXPECT_EQ(decision.grade, 0);
  EXPECT_GT(decision.trust, 0.f);
  EXPECT_NEAR(decision.familiarity_score.value(), 1.1, 1e-6);
}

TEST(SeveritySmootherTest, AnUnfamiliarViewIsWithheldWhereThatIsAsked) {
  auto options = WithFamiliarLimit(1);
  options.withhold_unfamiliar = true;
  SeveritySmoother smoother(options);
  EXPECT_FALSE(smoother.Update({1.f, 0.f}, 0.0, 1.5, 1.1).grade.has_value());
  EXPECT_TRUE(smoother.Update({1.f, 0.f}, 0.1, 1.5, 1.1).unfamiliar);
  smoother.Reset();
  EXPECT_EQ(smoother.Update({1.f, 0.f}, 0.0, 1.5, 0.9).grade, 0);
}

TEST(SeveritySmootherTest, TheConfidenceThatUsersAskOfUnfamiliarViewsCounts) {
  auto options = WithFamiliarLimit(1);
  options.unfamiliar_min_confidence = 0.7;
  SeveritySmoother smoother(options);
  const auto& decision = smoother.Update({.6f, .4f}, 0.0, 1.5, 1.1);
  EXPECT_TRUE(decision.unfamiliar);
  EXPECT_FALSE(decision.grade.has_value());
}

TEST(SeveritySmootherTest, FamiliarityIsSmoothedWithHysteresisAndItsChangeIsTold) {
  SeveritySmoother smoother(WithFamiliarLimit(0.1));
  EXPECT_FALSE(smoother.Update({.9f, .1f}, 0.0, 1.5, 0.97).unfamiliar);
  const auto& now = smoother.Update({.9f, .1f}, 0.9, 1.5, 1.2);
  EXPECT_TRUE(now.unfamiliar);
  EXPECT_TRUE(now.changed);
  const auto& held = smoother.Update({.9f, .1f}, 1.8, 1.5, 0.97);
  EXPECT_TRUE(held.unfamiliar);
  EXPECT_FALSE(held.changed);
  EXPECT_FALSE(smoother.Update({.9f, .1f}, 2.7, 1.5, 0.9).unfamiliar);
  // No familiarity score: nothing to be unfamiliar by.
  smoother.Update({.9f, .1f}, 3.6, 1.5, 1.2);
  EXPECT_FALSE(smoother.Update({.9f, .1f}, 3.7, 1.5).unfamiliar);
}

TEST(SeveritySmootherTest, WhatIsNoLiverIsNotCalledUnfamiliar) {
  SeveritySmoother smoother(WithFamiliarLimit(1));
  const auto& decision = smoother.Update({.9f, .1f}, 0.0, 2.5, 1.5);
  EXPECT_TRUE(decision.out_of_domain);
  EXPECT_FALSE(decision.unfamiliar);
  EXPECT_FALSE(decision.grade.has_value());
}

TEST(SeveritySmootherTest, EmptyProbabilitiesAreRefused) {
  SeveritySmoother smoother(Seconds(1));
  EXPECT_THROW(smoother.Update({}, 0.0), Error);
}

}  // namespace
}  // namespace hepar
