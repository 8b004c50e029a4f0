// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"
#include "training/evaluation/calibration.h"

namespace hepar {
namespace {

using testing::HasSubstr;

// Cases whose score of "at least mild" is as given.
Predictions Scored(const std::vector<double>& scores, const std::vector<int>& labels,
                   const std::string& prefix) {
  Predictions predictions;
  predictions.labels = labels;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    predictions.probabilities.push_back({1.0 - scores[i], scores[i], 0.0, 0.0});
    predictions.patients.push_back(prefix + std::to_string(i));
  }
  return predictions;
}

TEST(CrossFittedTest, EachGroupIsScoredByTheOthers) {
  const Predictions frames = SyntheticPredictions(9, 2, 1.0, 1);
  std::vector<int> groups;
  for (int patient = 0; patient < 9; ++patient) groups.insert(groups.end(), 2, patient % 3);
  const ChoicePlan plan = CrossFitted(frames, groups, "others");
  ASSERT_EQ(plan.parts.size(), 3u);
  std::size_t scored = 0;
  for (const ScoredPart& part : plan.parts) {
    EXPECT_EQ(part.scored.labels.size() + part.choosing.labels.size(), 18u);
    scored += part.scored.labels.size();
  }
  EXPECT_EQ(scored, 18u);
  EXPECT_EQ(plan.source, "others");
}

TEST(CrossFittedTest, OneGroupChoosesNothing) {
  const Predictions frames = SyntheticPredictions(4, 1, 1.0, 1);
  const ChoicePlan plan = CrossFitted(frames, {0, 0, 0, 0}, "others");
  EXPECT_TRUE(plan.parts.empty());
  EXPECT_THAT(plan.source, HasSubstr("one fold only"));
  EXPECT_FALSE(ChooseOperatingPoint(plan, 1, true, {}).has_value());
  EXPECT_FALSE(Recalibrate(plan).has_value());
}

TEST(ChoiceTest, AScoredPatientMayNotChoose) {
  const Predictions frames = Scored({.2, .8}, {0, 1}, "p");
  ExpectError(ErrorKind::kMismatch, {"p0"}, [&] { CheckChoice({{{frames, frames}}, "the same"}); });
  ExpectError(ErrorKind::kMismatch, {"p0"}, [&] {
    ChooseOperatingPoint({{{frames, frames}}, "the same"}, 1, false, {});
  });
  ExpectError(ErrorKind::kMismatch, {"p0"}, [&] { Recalibrate({{{frames, frames}}, "the same"}); });
  // A patient whose frames are in two folds.
  Predictions split = frames;
  split.patients = {"p", "p"};
  split.labels = {1, 1};
  ExpectError(ErrorKind::kMismatch, {"'p'"}, [&] { CrossFitted(split, {0, 1}, "others"); });
}

TEST(ChoiceTest, OperatingPointWorkedOutByHand) {
  // Chosen between 0.3 and 0.5, where the choosing cases part without a mistake.
  const ScoredPart part = {Scored({.35, .45, .39, .9, .1}, {0, 0, 1, 1, 0}, "s"),
                           Scored({.1, .3, .5, .9}, {0, 0, 1, 1}, "c")};
  const auto point = ChooseOperatingPoint({{part}, "c"}, 1, false, {});
  ASSERT_TRUE(point.has_value());
  EXPECT_DOUBLE_EQ(point->thresholds.at(0), 0.4);
  EXPECT_EQ(point->table.true_positives, 1);
  EXPECT_EQ(point->table.false_negatives, 1);
  EXPECT_EQ(point->table.false_positives, 1);
  EXPECT_EQ(point->table.true_negatives, 2);
}

TEST(ChoiceTest, WishedSensitivityIsThatOfTheChoosingCases) {
  const ScoredPart part = {Scored({.6, .2}, {1, 0}, "s"),
                           Scored({.1, .2, .3, .8}, {0, 1, 0, 1}, "c")};
  const auto half = ChooseOperatingPoint({{part}, "c"}, 1, false, {0.5});
  const auto all = ChooseOperatingPoint({{part}, "c"}, 1, false, {1.0});
  ASSERT_TRUE(half && all);
  EXPECT_DOUBLE_EQ(half->thresholds.at(0), 0.55);
  EXPECT_DOUBLE_EQ(all->thresholds.at(0), 0.15);
}

TEST(ChoiceTest, ByPatientChoosesOnMeansOfFrames) {
  Predictions choosing = Scored({.0, .4, .6, 1.0}, {0, 0, 1, 1}, "c");
  choosing.patients = {"c0", "c0", "c1", "c1"};
  const ScoredPart part = {Scored({.3, .7}, {0, 1}, "s"), choosing};
  const auto point = ChooseOperatingPoint({{part}, "c"}, 1, true, {});
  ASSERT_TRUE(point.has_value());
  EXPECT_DOUBLE_EQ(point->thresholds.at(0), 0.5);
}

TEST(ChoiceTest, WhatIsScoredHasNoSay) {
  const Predictions frames = SyntheticPredictions(40, 2, 1.0, 7);
  std::vector<int> groups;
  for (int patient = 0; patient < 40; ++patient) groups.insert(groups.end(), 2, patient / 20);
  Predictions distorted = frames;
  for (std::size_t i = 0; i < distorted.labels.size(); ++i) {
    // Truth of the first group turned about, and its answers made sure.
    if (groups[i] != 0) continue;
    distorted.labels[i] = 3 - distorted.labels[i];
    distorted.probabilities[i] =
        WithTemperature({{0}, {distorted.probabilities[i]}, {}}, 0.3).probabilities[0];
  }
  for (const bool by_patient : {false, true}) {
    const auto before = ChooseOperatingPoint(CrossFitted(frames, groups, ""), 2, by_patient, {});
    const auto after = ChooseOperatingPoint(CrossFitted(distorted, groups, ""), 2, by_patient, {});
    ASSERT_TRUE(before && after);
    EXPECT_DOUBLE_EQ(before->thresholds[0], after->thresholds[0]);
    EXPECT_NE(before->thresholds[1], after->thresholds[1]);
  }
  const auto before = Recalibrate(CrossFitted(frames, groups, ""));
  const auto after = Recalibrate(CrossFitted(distorted, groups, ""));
  ASSERT_TRUE(before && after);
  EXPECT_DOUBLE_EQ(before->temperatures[0], after->temperatures[0]);
  EXPECT_NE(before->temperatures[1], after->temperatures[1]);
}

TEST(ChoiceTest, NoOperatingPointWhereTheChoosingCasesAreOfOneSide) {
  const ScoredPart part = {Scored({.6, .2}, {1, 0}, "s"), Scored({.1, .2}, {0, 0}, "c")};
  EXPECT_FALSE(ChooseOperatingPoint({{part}, "c"}, 1, false, {}).has_value());
}

TEST(RecalibrateTest, EachPartHasTheTemperatureOfItsChoosingFrames) {
  const ScoredPart part = {SyntheticPredictions(4, 1, 1.0, 3), SyntheticPredictions(30, 2, 1.0, 4)};
  ScoredPart apart = part;
  for (auto& patient : apart.choosing.patients) patient = "c" + patient;
  const auto result = Recalibrate({{apart}, "c"});
  ASSERT_TRUE(result.has_value());
  const double temperature = FitTemperature(part.choosing);
  EXPECT_DOUBLE_EQ(result->temperatures.at(0), temperature);
  EXPECT_EQ(result->before.probabilities, part.scored.probabilities);
  EXPECT_EQ(result->after.probabilities, WithTemperature(part.scored, temperature).probabilities);
}

}  // namespace
}  // namespace hepar
