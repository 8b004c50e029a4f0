// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/adversarial_objective.h"

#include <torch/nn/modules/dropout.h>
#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/tiny_training.h"

namespace hepar {
namespace {

using testing::SizeIs;

using Accuracy = AdversarialOptions::Accuracy;
using Scope = AdversarialOptions::Scope;

Batch AllPictures(const TinyData& data) {
  return MakeBatch(data.prepared(), data.all(), torch::kCPU);
}

TEST(AdversarialObjectiveTest, TotalIsTheWeightedSumOfItsTerms) {
  const TinyData data;
  AdversarialOptions options;
  options.joint.lambda1 = options.joint.lambda2 = 0.1;
  options.joint.lambda3 = 2.0;
  AdversarialObjective objective(options);
  const Losses losses = objective.Compute(TinyNet(), AllPictures(data));
  ASSERT_EQ(losses.terms.size(0), static_cast<int>(objective.TermNames().size()));
  const auto term = [&](int i) { return losses.terms[i].item<double>(); };
  EXPECT_NEAR(losses.total.item<double>(), 0.1 * term(1) + 0.1 * term(2) + 2 * term(3), 1e-5);
  // All classes start with the same beta, so the mean splits.
  EXPECT_NEAR(term(3), term(4) / 7 + 6 * term(5) / 7, 1e-5);
  EXPECT_GT(term(5), 0.0);
}

TEST(AdversarialObjectiveTest, WithoutItsTermNothingIsAttacked) {
  const TinyData data;
  AdversarialOptions options;
  options.joint.lambda3 = 0.0;
  AdversarialObjective objective(options);
  const Losses losses = objective.Compute(TinyNet(), AllPictures(data));
  EXPECT_EQ(losses.terms[5].item<double>(), 0.0);
  EXPECT_EQ(objective.Counts().sum().item<double>(), 0.0);
}

class ScopeTest : public testing::TestWithParam<Scope> {};
INSTANTIATE_TEST_SUITE_P(Both, ScopeTest, testing::Values(Scope::kImage, Scope::kEndToEnd));

TEST_P(ScopeTest, TheAttackLeavesNothingBehind) {
  const TinyData data;
  AdversarialOptions options;
  options.scope = GetParam();
  AdversarialObjective objective(options);
  SeverityNet attacked = TinyNet(), plain = CopyNet(attacked);
  attacked->train();
  plain->train();
  const Batch batch = AllPictures(data);
  objective.Compute(attacked, batch);
  EXPECT_TRUE(attacked->is_training());
  for (const auto& parameter : attacked->parameters()) {
    EXPECT_TRUE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
  // The statistics saw the passes of the outer loss alone: one of the clean pictures, and end to
  // end one of the attacked ones.
  const auto seen = attacked->ic1->named_buffers()["trunk.stem.bn.num_batches_tracked"];
  EXPECT_EQ(seen.item<std::int64_t>(), GetParam() == Scope::kImage ? 1 : 2);
  if (GetParam() == Scope::kImage) {
    plain->Decouple(batch.pictures);
    for (const auto& item : plain->ic2->named_buffers()) {
      EXPECT_TRUE(item.value().equal(attacked->ic2->named_buffers()[item.key()])) << item.key();
    }
  }
}

TEST_P(ScopeTest, CountsEachPictureOfItsClass) {
  const TinyData data;
  AdversarialOptions options;
  options.scope = GetParam();
  AdversarialObjective objective(options);
  objective.Compute(TinyNet(), AllPictures(data));
  const auto counts = objective.Counts();
  EXPECT_TRUE(counts.select(1, 0).eq(2).all().item<bool>());
  EXPECT_TRUE(counts.select(1, 1).le(2).all().item<bool>());
  EXPECT_TRUE(counts.slice(1, 2).sum(1).sub(2).abs().lt(1e-6).all().item<bool>());
  EXPECT_THAT(objective.EndEpoch({}), SizeIs(3));
  EXPECT_EQ(objective.Counts().sum().item<double>(), 0.0);
}

TEST(AdversarialObjectiveTest, FeaturesOfTheAttackedPictureMatterEndToEndOnly) {
  const TinyData data;
  const Batch batch = AllPictures(data);
  // A classifier that sees Feat1 and Feat2 but not the picture: only an attack that reaches the
  // decouplers can move its answers.
  SeverityNet net = TinyNet();
  {
    const torch::NoGradGuard no_grad;
    net->classifier->named_parameters()["features.0.weight"].select(1, 2).zero_();
  }
  const auto divergence = [&](Scope scope) {
    AdversarialOptions options;
    options.scope = scope;
    for (auto& module : net->modules()) {
      if (auto* dropout = module->as<torch::nn::Dropout>()) dropout->options.p(0);
    }
    AdversarialObjective objective(options);
    return objective.Compute(net, batch).terms[5].item<double>();
  };
  EXPECT_NEAR(divergence(Scope::kImage), 0.0, 1e-9);
  EXPECT_GT(divergence(Scope::kEndToEnd), 1e-9);
}

TEST(AdversarialObjectiveTest, DetachedCleanBranchLearnsFromTheCrossEntropyOnly) {
  const TinyData data;
  const Batch batch = AllPictures(data);
  const auto gradient = [&](bool detach) {
    AdversarialOptions options;
    options.detach_clean = detach;
    options.joint.lambda1 = options.joint.lambda2 = 0.0;
    SeverityNet net = TinyNet();
    torch::manual_seed(3);  // Of dropout.
    AdversarialObjective(options).Compute(net, batch).total.backward();
    return net->classifier->parameters()[0].grad().clone();
  };
  EXPECT_FALSE(gradient(true).equal(gradient(false)));
}

TEST(AdversarialObjectiveTest, LumaAttackMovesAllChannelsOfAPixelAlike) {
  torch::manual_seed(2);
  Architecture architecture;
  architecture.size = "custom";
  architecture.decoupler = {{4, 4, 4, 4}, {4, 4, 4, 4}, 2};
  architecture.planes = ColorPlanes::kRgb;
  SeverityNet net(architecture);
  Batch batch;
  batch.pictures = 0.25 + 0.5 * torch::rand({2, 3, 32, 32});
  batch.labels = torch::tensor({0, 3}, torch::kInt64);
  batch.seeds = {1, 2};
  for (bool luma : {false, true}) {
    AdversarialOptions options;
    options.luma_only = luma;
    options.steps = 2;
    AdversarialObjective objective(options);
    const Losses losses = objective.Compute(net, batch);
    EXPECT_GT(losses.terms[5].item<double>(), 0.0);
  }
}

TEST(AdversarialObjectiveTest, AccuracyCanComeFromElsewhere) {
  const TinyData data;
  const Batch batch = AllPictures(data);
  for (Accuracy accuracy : {Accuracy::kRobustTrain, Accuracy::kClean, Accuracy::kValidation}) {
    AdversarialOptions options;
    options.accuracy = accuracy;
    options.schedule.begin = 1;
    options.steps = 1;
    AdversarialObjective objective(options);
    objective.Compute(TinyNet(), batch);
    EXPECT_TRUE(objective.Counts().select(1, 0).eq(2).all().item<bool>());
    if (accuracy != Accuracy::kValidation) {
      objective.EndEpoch({});
      continue;
    }
    ExpectError(ErrorKind::kInvalid, {"validation"}, [&] { objective.EndEpoch({}); });
    const auto seen = objective.EndEpoch({0.0, 0.5, std::nan(""), 1.0});
    EXPECT_NEAR(255 * objective.schedule().epsilon()[1], 6.4, 1e-9);
    EXPECT_NEAR(255 * objective.schedule().epsilon()[2], 8.0, 1e-9);
    EXPECT_NEAR(255 * objective.schedule().epsilon()[3], 10.4, 1e-9);
  }
}

TEST(AdversarialObjectiveTest, DafaNeedsTheAttackedTrainingPictures) {
  AdversarialOptions options;
  options.schedule.fairness = Fairness::kDafa;
  options.accuracy = Accuracy::kValidation;
  ExpectError(ErrorKind::kInvalid, {"DAFA"}, [&] { AdversarialObjective{options}; });
}

TEST(AdversarialObjectiveTest, GoesOnFromItsState) {
  const TinyData data;
  AdversarialOptions options;
  options.schedule.begin = 1;
  options.steps = 1;
  AdversarialObjective one(options), other(options);
  one.Compute(TinyNet(), AllPictures(data));
  one.EndEpoch({});
  one.Compute(TinyNet(), AllPictures(data));
  other.Restore(one.State());
  EXPECT_EQ(other.State(), one.State());
  EXPECT_TRUE(other.Counts().equal(one.Counts()));
}

TEST(AdversarialObjectiveTest, Bfloat16AttackDivergesAboutAsFar) {
  const TinyData data;
  const Batch batch = AllPictures(data);
  SeverityNet net = TinyNet();
  const auto divergence = [&](bool bf16) {
    AdversarialOptions options;
    options.bf16_attack = bf16;
    options.scope = Scope::kEndToEnd;
    torch::manual_seed(3);
    return AdversarialObjective(options).Compute(net, batch).terms[5].item<double>();
  };
  const double full = divergence(false);
  EXPECT_NEAR(divergence(true), full, 0.5 * full);
}

}  // namespace
}  // namespace hepar
