// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/bundle/bundle.h"
#include "tests/training/support/tiny_training.h"

namespace hepar {
namespace {

using testing::SizeIs;

TEST(ScoreTest, LeavesModeAndStatisticsAlone) {
  const TinyData data;
  SeverityNet net = TinyNet();
  net->train();
  const std::string before = ParameterDigest(net);
  const Scores scores = Score(net, data.prepared(), data.all(), 3, torch::kCPU);
  EXPECT_TRUE(net->is_training());
  EXPECT_EQ(ParameterDigest(net), before);
  ASSERT_THAT(scores.predictions.probabilities, SizeIs(8));
  for (const auto& p : scores.predictions.probabilities) {
    EXPECT_NEAR(p[0] + p[1] + p[2] + p[3], 1.0, 1e-9);
  }
  EXPECT_EQ(scores.predictions.labels[0], data.prepared().dataset().samples[0].label);
}

TEST(ScoreTest, DoesNotDependOnTheBatchSize) {
  const TinyData data;
  SeverityNet net = TinyNet();
  const Scores one = Score(net, data.prepared(), data.all(), 1, torch::kCPU);
  const Scores all = Score(net, data.prepared(), data.all(), 8, torch::kCPU);
  EXPECT_NEAR(one.loss, all.loss, 1e-5);
  for (int i = 0; i < 8; ++i) {
    EXPECT_NEAR(one.predictions.probabilities[i][0], all.predictions.probabilities[i][0], 1e-5);
  }
}

TEST(ScoreAttackedTest, LeavesTheNetAloneAndABudgetOfNothingChangesNothing) {
  const TinyData data;
  SeverityNet net = TinyNet();
  net->train();
  const std::string before = ParameterDigest(net);
  const Predictions attacked =
      ScoreAttacked(net, data.prepared(), data.all(), 3, torch::kCPU, {0.0, 2});
  EXPECT_TRUE(net->is_training());
  EXPECT_EQ(ParameterDigest(net), before);
  const Scores clean = Score(net, data.prepared(), data.all(), 3, torch::kCPU);
  // The engine that evaluates the attack rounds otherwise than LibTorch.
  ASSERT_EQ(attacked.probabilities.size(), clean.predictions.probabilities.size());
  for (std::size_t i = 0; i < attacked.probabilities.size(); ++i) {
    EXPECT_THAT(attacked.probabilities[i],
                testing::Pointwise(testing::DoubleNear(1e-5), clean.predictions.probabilities[i]));
  }
}

TEST(ScoreAttackedTest, AnAttackRaisesTheLoss) {
  const TinyData data;
  SeverityNet net = TinyNet();
  const auto right = [](const Predictions& predictions) {
    double sum = 0.0;
    for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
      sum += predictions.probabilities[i][predictions.labels[i]];
    }
    return sum;
  };
  const Predictions attacked =
      ScoreAttacked(net, data.prepared(), data.all(), 8, torch::kCPU, {0.1, 5});
  EXPECT_LT(right(attacked),
            right(Score(net, data.prepared(), data.all(), 8, torch::kCPU).predictions));
}

}  // namespace
}  // namespace hepar
