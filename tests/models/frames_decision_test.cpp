// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/frames_decision.h"

#include <gtest/gtest.h>

#include "models/decision/frame_state.h"
#include "models/decision/severity_smoother.h"
#include "models/error.h"

namespace hepar {
namespace {

SeveritySmoother::Options Rules(double min_confidence, std::optional<double> limit = std::nullopt) {
  SeveritySmoother::Options options;
  options.min_confidence = min_confidence;
  options.out_of_domain_above = limit;
  return options;
}

TEST(FramesDecisionTest, MeanOfTheProbabilitiesDecides) {
  const auto decision =
      DecideTogether({{{0.6, 0.4}, {}}, {{0.1, 0.9}, {}}, {{0.6, 0.4}, {}}}, Rules(0.5));
  EXPECT_NEAR(decision.probabilities[1], 17.0 / 30, 1e-12);
  EXPECT_EQ(decision.grade, 1);  // Two of three frames say otherwise.
  EXPECT_NEAR(decision.confidence, 17.0 / 30, 1e-12);
  EXPECT_EQ(decision.frames, 3);
  EXPECT_FALSE(decision.domain_score.has_value());
}

TEST(FramesDecisionTest, NoGradeUnderTheConfidence) {
  const auto decision = DecideTogether({{{0.6, 0.4}, {}}}, Rules(0.7));
  EXPECT_FALSE(decision.grade.has_value());
  EXPECT_FALSE(decision.out_of_domain);
  EXPECT_GT(decision.trust, 0.0);
}

TEST(FramesDecisionTest, MostFramesDecideWhetherItIsALiver) {
  const std::vector<PictureScores> half = {{{0.9, 0.1}, 1.0}, {{0.9, 0.1}, 3.0}};
  auto decision = DecideTogether(half, Rules(0.0, 2.0));
  EXPECT_FALSE(decision.out_of_domain);
  EXPECT_EQ(decision.frames_out_of_domain, 1);
  EXPECT_EQ(decision.domain_score, 2.0);
  EXPECT_EQ(decision.grade, 0);

  const std::vector<PictureScores> most = {{{0.9, 0.1}, 1.0}, {{0.9, 0.1}, 3.0}, {{0.9, 0.1}, 5.0}};
  decision = DecideTogether(most, Rules(0.0, 2.0));
  EXPECT_TRUE(decision.out_of_domain);
  EXPECT_EQ(decision.domain_score, 3.0);
  EXPECT_FALSE(decision.grade.has_value());
  EXPECT_EQ(decision.trust, 0.0);

  decision = DecideTogether(most, Rules(0.0));  // Unchecked.
  EXPECT_FALSE(decision.out_of_domain);
  EXPECT_EQ(decision.frames_out_of_domain, 0);
  EXPECT_EQ(decision.grade, 0);
}

TEST(FramesDecisionTest, OneFrameIsDecidedAsTheElementsDo) {
  for (const double score : {0.5, 1.5}) {
    for (const double confidence : {0.5, 0.8}) {
      SeveritySmoother::Options options;
      options.min_confidence = confidence;
      options.out_of_domain_above = 1.0;
      options.unfamiliar_above = 0.75;
      options.unfamiliar_min_confidence = 0.625;
      for (const double familiarity : {0.5, 1.0}) {
        SeveritySmoother smoother(options);
        const auto& live = smoother.Update({0.25f, 0.625f, 0.125f}, 0.0, score, familiarity);
        const auto still = DecideTogether({{{0.25, 0.625, 0.125}, score, familiarity}}, options);
        EXPECT_EQ(still.grade, live.grade) << score << ' ' << confidence << ' ' << familiarity;
        EXPECT_EQ(still.unfamiliar, live.unfamiliar);
        EXPECT_EQ(still.out_of_domain, live.out_of_domain);
        EXPECT_FLOAT_EQ(static_cast<float>(still.confidence), live.confidence);
        EXPECT_FLOAT_EQ(static_cast<float>(still.trust), live.trust);
        EXPECT_DOUBLE_EQ(*still.domain_score, *live.domain_score);
      }
    }
  }
}

TEST(FramesDecisionTest, MostFramesDecideWhetherTheScannerIsFamiliar) {
  SeveritySmoother::Options rules = Rules(0.95, 2.0);
  rules.unfamiliar_above = 1.0;
  const std::vector<PictureScores> half = {{{0.9, 0.1}, 1.0, 0.5}, {{0.9, 0.1}, 1.0, 1.5}};
  auto decision = DecideTogether(half, rules);
  EXPECT_FALSE(decision.unfamiliar);
  EXPECT_EQ(decision.frames_unfamiliar, 1);
  EXPECT_EQ(decision.familiarity_score, 1.0);
  EXPECT_FALSE(decision.grade.has_value());

  const std::vector<PictureScores> most(3, {{0.9, 0.1}, 1.0, 1.5});
  decision = DecideTogether(most, rules);
  EXPECT_TRUE(decision.unfamiliar);
  EXPECT_EQ(decision.grade, 0) << "needs no more than unfamiliar_min_confidence";
  EXPECT_EQ(StateOf(decision), FrameState::kUnfamiliar);
  rules.withhold_unfamiliar = true;
  EXPECT_FALSE(DecideTogether(most, rules).grade.has_value());
  EXPECT_EQ(StateOf(DecideTogether(most, rules)), FrameState::kUnfamiliar);

  const std::vector<PictureScores> elsewhere(3, {{0.9, 0.1}, 3.0, 1.5});
  EXPECT_FALSE(DecideTogether(elsewhere, rules).unfamiliar);
  EXPECT_EQ(StateOf(DecideTogether(elsewhere, rules)), FrameState::kNotLiver);
}

TEST(FramesDecisionTest, RefusesWhatIsNoSetOfFrames) {
  for (const auto& frames :
       std::vector<std::vector<PictureScores>>{{}, {{{}, {}}}, {{{0.5, 0.5}, {}}, {{1.0}, {}}}}) {
    try {
      DecideTogether(frames, Rules(0.0));
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    }
  }
}

}  // namespace
}  // namespace hepar
