// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/decision_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

FrameScores Scores(std::uint64_t number, std::vector<float> probabilities,
                   std::optional<double> domain_score = {}) {
  FrameScores scores;
  scores.number = number;
  scores.seconds = static_cast<double>(number) * 0.04;
  scores.probabilities = std::move(probabilities);
  scores.domain_score = domain_score;
  return scores;
}

ModelSpec Spec(std::optional<double> abstain_below = {}, std::optional<double> limit = {}) {
  ModelSpec spec;
  spec.abstain_below = abstain_below;
  spec.out_of_domain_above = limit;
  return spec;
}

TEST(DecisionPolicyTest, TheHigherOfBothConfidencesCounts) {
  DecisionChoices choices = {1.0};
  choices.min_confidence = 0.5;
  EXPECT_TRUE(DecisionPolicy().Decide(Spec(0.3), choices, Scores(1, {0.4f, 0.6f})).grade);
  EXPECT_FALSE(DecisionPolicy().Decide(Spec(0.7), choices, Scores(1, {0.4f, 0.6f})).grade);
  choices.min_confidence = 0.7;
  EXPECT_FALSE(DecisionPolicy().Decide(Spec(0.3), choices, Scores(1, {0.4f, 0.6f})).grade);
}

TEST(DecisionPolicyTest, TheViewIsCheckedOnlyWhenAskedTo) {
  DecisionChoices choices = {1.0};
  const FrameScores scores = Scores(1, {0.1f, 0.9f}, 3.0);
  EXPECT_TRUE(DecisionPolicy().Decide(Spec({}, 1.0), choices, scores).out_of_domain);
  choices.check_view = false;
  EXPECT_FALSE(DecisionPolicy().Decide(Spec({}, 1.0), choices, scores).out_of_domain);
}

TEST(DecisionPolicyTest, UnfamiliarViewsNeedTheUsersConfidenceOnly) {
  ModelSpec spec = Spec(0.9, 4.0);
  spec.familiarity = Familiarity{{}, 1.0, 1.1, 0.25};
  FrameScores scores = Scores(1, {0.4f, 0.6f}, 2.0);
  scores.familiarity_score = 0.9;
  DecisionChoices choices = {1.0};
  EXPECT_EQ(StateOf(DecisionPolicy().Decide(spec, choices, scores)), FrameState::kUncertain);
  scores.familiarity_score = 1.5;
  const auto decision = DecisionPolicy().Decide(spec, choices, scores);
  EXPECT_EQ(StateOf(decision), FrameState::kUnfamiliar);
  EXPECT_EQ(decision.grade, 1);
  EXPECT_EQ(decision.familiarity_score, 1.5);
  choices.min_confidence = 0.7;
  EXPECT_FALSE(DecisionPolicy().Decide(spec, choices, scores).grade);
  choices.min_confidence = 0.0;
  choices.withhold_unfamiliar = true;
  const auto withheld = DecisionPolicy().Decide(spec, choices, scores);
  EXPECT_EQ(StateOf(withheld), FrameState::kUnfamiliar);
  EXPECT_FALSE(withheld.grade);
  scores.domain_score = 5.0;
  EXPECT_EQ(StateOf(DecisionPolicy().Decide(spec, choices, scores)), FrameState::kNotLiver);
}

TEST(DecisionPolicyTest, AveragesWithinAScene) {
  DecisionPolicy policy;
  policy.Decide(Spec(), {1.0}, Scores(1, {1.f, 0.f}));
  EXPECT_GT(policy.Decide(Spec(), {1.0}, Scores(2, {0.f, 1.f})).probabilities[0], 0.9f);
}

TEST(DecisionPolicyTest, BeginsTheAveragesAgainAtANewScene) {
  DecisionPolicy policy;
  policy.Decide(Spec(), {1.0}, Scores(1, {1.f, 0.f}));
  policy.BeginScene(3);
  // A late result of the old scene.
  EXPECT_GT(policy.Decide(Spec(), {1.0}, Scores(2, {0.f, 1.f})).probabilities[0], 0.9f);
  EXPECT_EQ(policy.Decide(Spec(), {1.0}, Scores(3, {0.f, 1.f})).probabilities[0], 0.f);
  EXPECT_LT(policy.Decide(Spec(), {1.0}, Scores(4, {1.f, 0.f})).probabilities[0], 0.1f)
      << "one new scene, not two";
}

TEST(DecisionPolicyTest, ForgetsAtAReset) {
  DecisionPolicy policy;
  policy.Decide(Spec(), {1.0}, Scores(1, {1.f, 0.f}));
  policy.Reset();
  EXPECT_EQ(policy.Decide(Spec(), {1.0}, Scores(2, {0.f, 1.f})).probabilities[1], 1.f);
}

TEST(DecisionPolicyTest, ScoresWithoutProbabilitiesAreRefused) {
  DecisionPolicy policy;
  EXPECT_THROW(policy.Decide(Spec(), {1.0}, Scores(1, {})), Error);
}

}  // namespace
}  // namespace hepar
