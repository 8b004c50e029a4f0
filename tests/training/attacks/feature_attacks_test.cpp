// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Attacks that look inside a classifier, 8-bit pictures and what attacks cost.
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/tiny_training.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/attack_suite.h"
#include "training/attacks/eight_bit.h"
#include "training/attacks/feature_pgd.h"
#include "training/scoring/attack_target.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;

double Value(const torch::Tensor& scalar) { return scalar.item<double>(); }

// Noisy pictures (B, 1, 8, 8) in double precision.
AttackInput NoisyInput(std::int64_t batch, double epsilon) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  AttackInput input;
  input.pictures = (torch::randn({batch, 1, 8, 8}, generator) * .1 + .5).clamp(0, 1);
  input.pictures = input.pictures.to(torch::kFloat64);
  input.labels = torch::arange(batch) % 4;
  input.epsilon = torch::full(batch, epsilon, torch::kFloat64);
  for (std::int64_t i = 0; i < batch; ++i) input.seeds.push_back(100 + i);
  return input;
}

// A classifier of two features, a map and a vector, with fixed weights.
class TwoFeatures {
 public:
  TwoFeatures() {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
    const auto options = torch::TensorOptions().dtype(torch::kFloat64);
    kernel_ = torch::randn({1, 1, 3, 3}, generator, options) * 2;
    into_vector_ = torch::randn({64, 5}, generator, options);
    into_logits_ = torch::randn({69, 4}, generator, options);
  }

  View ViewOn(const torch::Tensor& x) const {
    const auto map = torch::sigmoid(torch::conv2d(x - .5, kernel_, {}, 1, 1));
    const auto vector = torch::sigmoid((x.flatten(1) - .5).matmul(into_vector_));
    return {torch::cat({map.flatten(1), vector}, 1).matmul(into_logits_), {map, vector}};
  }
  ViewOf view_of() const {
    return [this](const torch::Tensor& x) { return ViewOn(x); };
  }

 private:
  torch::Tensor kernel_, into_vector_, into_logits_;
};

FeaturePgdOptions Options(int steps, std::vector<double> weights) {
  FeaturePgdOptions options;
  options.pgd.loss = PgdOptions::Loss::kCrossEntropy;
  options.pgd.start = PgdOptions::Start::kUniform;
  options.pgd.steps = steps;
  options.weights = std::move(weights);
  return options;
}

class FeaturePgdTest : public ::testing::Test {
 protected:
  // How far each feature of each sample moved: (B).
  torch::Tensor Moved(const torch::Tensor& attacked, std::size_t feature) const {
    return FeatureDistances(classifier_.ViewOn(attacked).features[feature],
                            classifier_.ViewOn(input_.pictures).features[feature]);
  }

  TwoFeatures classifier_;
  AttackInput input_ = NoisyInput(32, .05);
};

TEST_F(FeaturePgdTest, DrivesTheFeaturesFartherThanAnAttackOnTheLogits) {
  const LogitsOf logits_of = [&](const torch::Tensor& x) { return classifier_.ViewOn(x).logits; };
  const auto by_logits = Pgd(logits_of, input_, Options(20, {}).pgd);
  for (const std::size_t feature : {0, 1}) {
    std::vector<double> weights = {0, 0};
    weights[feature] = 1000;
    const auto attacked = FeaturePgd(classifier_.view_of(), input_, Options(20, weights));
    EXPECT_GT(Value(Moved(attacked, feature).mean()), 1.1 * Value(Moved(by_logits, feature).mean()))
        << feature;
  }
}

TEST_F(FeaturePgdTest, StaysWithinEachBudgetAndTheRangeOfPictures) {
  input_.pictures[1].fill_(1);
  input_.pictures[2].fill_(0);
  input_.epsilon[0] = 0;
  input_.epsilon[3] = .2;
  const auto attacked = FeaturePgd(classifier_.view_of(), input_, Options(7, {1, 1}));
  const auto change = (attacked - input_.pictures).abs().flatten(1).amax(1);
  EXPECT_LE(Value((change - input_.epsilon).max()), 1e-12);
  EXPECT_TRUE(torch::equal(attacked[0], input_.pictures[0]));
  EXPECT_GT(Value(change[3]), .15);
  EXPECT_GE(Value(attacked.min()), 0);
  EXPECT_LE(Value(attacked.max()), 1);
  EXPECT_FALSE(attacked.requires_grad());
}

TEST_F(FeaturePgdTest, WeightsChooseTheFeature) {
  const auto first = FeaturePgd(classifier_.view_of(), input_, Options(20, {1000, 0}));
  const auto second = FeaturePgd(classifier_.view_of(), input_, Options(20, {0, 1000}));
  EXPECT_GT(Value(Moved(first, 0).mean()), 1.2 * Value(Moved(second, 0).mean()));
  EXPECT_GT(Value(Moved(second, 1).mean()), 1.2 * Value(Moved(first, 1).mean()));
}

TEST_F(FeaturePgdTest, RestartsAreRankedByWhatBreaksTheAnswer) {
  // Features weigh so much that ranking by the whole loss would rank by them.
  auto options = Options(3, {1000, 1000});
  const auto cross_entropy = [&](const torch::Tensor& x) {
    return CrossEntropyLosses(classifier_.ViewOn(x).logits, input_.labels);
  };
  const auto once = cross_entropy(FeaturePgd(classifier_.view_of(), input_, options));
  options.pgd.restarts = 6;
  const auto best = cross_entropy(FeaturePgd(classifier_.view_of(), input_, options));
  EXPECT_GE(Value((best - once).min()), 0);
  EXPECT_GT(Value((best - once).max()), 0);
}

TEST_F(FeaturePgdTest, PassesOverAFeatureThatTheClassifierLacks) {
  const ViewOf second_only = [&](const torch::Tensor& x) {
    View answer = classifier_.ViewOn(x);
    answer.features[0] = torch::Tensor();
    return answer;
  };
  EXPECT_TRUE(torch::equal(FeaturePgd(second_only, input_, Options(5, {9, 1})),
                           FeaturePgd(classifier_.view_of(), input_, Options(5, {0, 1}))));
  ExpectError(ErrorKind::kUnsupported, {"none of the features that have a weight"}, [&] {
    FeaturePgd(second_only, input_, Options(5, {1, 0}));
  });
}

TEST_F(FeaturePgdTest, RefusesWeightsOutOfRange) {
  for (const std::vector<double>& weights :
       {std::vector<double>{}, {0, 0}, {-1, 1}, {std::nan(""), 1}}) {
    ExpectError(ErrorKind::kInvalid, {"weights >= 0"},
                [&] { FeaturePgd(classifier_.view_of(), input_, Options(5, weights)); });
  }
  ExpectError(ErrorKind::kInvalid, {"at least 1 step"}, [&] {
    FeaturePgd(classifier_.view_of(), input_, Options(0, {1, 1}));
  });
}

TEST(FeatureDistancesTest, AreRootsOfMeanSquaresWithAGradientAtZero) {
  auto features = torch::tensor({3., 4., 0., 0.}, torch::kFloat64).view({2, 1, 1, 2});
  features.requires_grad_(true);
  const auto distances = FeatureDistances(features, torch::zeros_like(features));
  EXPECT_NEAR(Value(distances[0]), 5 / std::sqrt(2.), 1e-9);
  EXPECT_NEAR(Value(distances[1]), 0, 1e-5);
  distances.sum().backward();
  EXPECT_EQ(Value(features.grad()[1].abs().max()), 0);
}

// ---- By name ----------------------------------------------------------------------------------

TEST(AttacksOnFeaturesTest, AreNamedByOptions) {
  const auto adaptive = ParseAttack("pgd:steps=3,feat1=0.5,feat2=10");
  EXPECT_THAT(adaptive.feature_weights, ElementsAre(.5, 10.));
  EXPECT_TRUE(adaptive.NeedsFeatures());
  EXPECT_FALSE(adaptive.holds_features);
  EXPECT_TRUE(ParseAttack("square:scope=image").holds_features);
  EXPECT_FALSE(ParseAttack("apgd-ce:scope=end2end").NeedsFeatures());

  const auto refuse = [](const std::string& text, const std::string& part) {
    ExpectError(ErrorKind::kInvalid, {part}, [&] { ParseAttack(text); });
  };
  refuse("fgsm:feat1=1", "unknown option of the attack fgsm 'feat1'");
  refuse("noise:scope=image", "'scope'");
  refuse("pgd:scope=frozen", "choose one of end2end, image");
  for (const std::string bad : {"-1", "nan", "1e9", "x", "1x", ""}) {
    refuse("pgd:feat2=" + bad, "a number from 0 to 1000000");
  }
  refuse("pgd:feat1=1,scope=image", "give one");
}

TEST(AttacksOnFeaturesTest, SayThatAModelHasNone) {
  const AttackTarget target{
      [](const torch::Tensor& x) { return x.flatten(1).narrow(1, 0, 4); }, {}, {}};
  for (const char* attack : {"pgd:feat1=1", "pgd:scope=image", "fgsm:scope=image"}) {
    ExpectError(ErrorKind::kUnsupported, {"the model has no features"},
                [&] { RunAttack(ParseAttack(attack), target, NoisyInput(2, .1)); });
  }
}

// ---- The net as a target ------------------------------------------------------------------------

class TargetTest : public ::testing::Test {
 protected:
  TargetTest() {
    net_ = TinyNet(3);
    {
      // A fresh classifier answers nearly the same for every picture.
      const torch::NoGradGuard no_grad;
      net_->classifier->named_parameters()["classifier.1.weight"].mul_(30.0);
    }
    net_->eval();
    auto generator = at::make_generator<at::CPUGeneratorImpl>(4);
    input_.pictures = torch::rand({4, 1, 32, 32}, generator);
    input_.labels = torch::arange(4);
    input_.epsilon = torch::full(4, .1);
    input_.seeds = {1, 2, 3, 4};
  }

  SeverityNet net_{nullptr};
  AttackInput input_;
};

TEST_F(TargetTest, AnswersAsTheNet) {
  const AttackGuard guard(*net_);
  const AttackTarget target = TargetOf(net_);
  ASSERT_TRUE(target.HasFeatures());
  const auto expected = net_->forward(input_.pictures);
  const Decoupled parts = net_->Decouple(input_.pictures);
  const View answer = target.view_of(input_.pictures);
  EXPECT_TRUE(torch::allclose(target.logits_of(input_.pictures), expected, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(answer.logits, expected, 1e-4, 1e-5));
  ASSERT_EQ(answer.features.size(), 2u);
  EXPECT_TRUE(torch::allclose(answer.features[0], parts.specific, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(answer.features[1], parts.common, 1e-4, 1e-5));
}

TEST_F(TargetTest, HeldFeaturesStayThoseOfTheCleanPictures) {
  const AttackGuard guard(*net_);
  const AttackTarget target = TargetOf(net_);
  const LogitsOf held = target.hold_features(input_.pictures);
  const auto other = 1 - input_.pictures;
  Decoupled parts = net_->Decouple(input_.pictures);
  parts.planes = other;
  EXPECT_TRUE(torch::allclose(held(other), net_->Classify(SeverityNetImpl::Concatenate(parts)),
                              1e-4, 1e-5));
  // What the net says of others is something else, and of the pictures themselves the same.
  const auto off = [&](const torch::Tensor& x) {
    return Value((held(x) - target.logits_of(x)).abs().max());
  };
  EXPECT_GT(off(other), 100 * off(input_.pictures) + 1e-6);
}

TEST_F(TargetTest, AnAttackOnHeldFeaturesSeesNothingElse) {
  const AttackGuard guard(*net_);
  AttackTarget target = TargetOf(net_);
  const auto expected =
      RunAttack(ParseAttack("pgd:steps=3"), target.hold_features(input_.pictures), input_);
  target.logits_of = [](const torch::Tensor& x) -> torch::Tensor {
    ADD_FAILURE() << "the whole model was asked";
    return x;
  };
  EXPECT_TRUE(
      torch::equal(RunAttack(ParseAttack("pgd:steps=3,scope=image"), target, input_), expected));
}

TEST_F(TargetTest, AnAttackOnFeaturesMovesThemWithinTheBudget) {
  const AttackGuard guard(*net_);
  const AttackTarget target = TargetOf(net_);
  const auto attacked = RunAttack(ParseAttack("pgd:steps=10,feat1=100,feat2=100"), target, input_);
  const auto by_noise = RunAttack(ParseAttack("noise"), target, input_);
  EXPECT_LE(Value((attacked - input_.pictures).abs().max()), .1 + 1e-6);
  const torch::NoGradGuard no_grad;
  const auto clean = net_->Decouple(input_.pictures);
  for (const auto part : {&Decoupled::specific, &Decoupled::common}) {
    const auto moved = [&](const torch::Tensor& x) {
      return Value(FeatureDistances(net_->Decouple(x).*part, clean.*part).mean());
    };
    EXPECT_GT(moved(attacked), 1.5 * moved(by_noise));
  }
}

// ---- 8 bits
// ---------------------------------------------------------------------------------------

// The levels, 0..255, of one picture of these clean and attacked values, given in levels too.
std::vector<double> Levels(std::vector<double> clean, std::vector<double> attacked,
                           double epsilon) {
  const auto row = [](const std::vector<double>& levels) {
    return torch::tensor(levels, torch::kFloat64).view({1, 1, 1, -1}) / 255;
  };
  const auto rounded =
      RoundToEightBits(row(attacked), row(clean), torch::tensor({epsilon / 255}, torch::kFloat64)) *
      255;
  return {rounded.data_ptr<double>(), rounded.data_ptr<double>() + rounded.numel()};
}

TEST(EightBitTest, TakesTheNearestLevelOrTheNextTowardTheCleanValue) {
  using ::testing::DoubleNear;
  const auto are = [](std::vector<double> levels) {
    std::vector<::testing::Matcher<double>> near;
    for (const double level : levels) near.push_back(DoubleNear(level, 1e-9));
    return ::testing::ElementsAreArray(near);
  };
  EXPECT_THAT(Levels({10.3, 10.3, 10.3}, {11.3, 10.6, 10.1}, 1), are({11, 11, 10}));
  // 9 and 11 are nearest, but 1.3 and 0.7 away from the clean values.
  EXPECT_THAT(Levels({10.3, 10.4}, {9.3, 10.9}, 1), are({10, 11}));
  EXPECT_THAT(Levels({10.3, 10.4}, {9.8, 10.9}, .5), are({10, 10}));
  EXPECT_THAT(Levels({0, 255, 254.9}, {-3, 259, 256}, 4), are({0, 255, 255}));
  // Half a level around a half is all there is.
  EXPECT_THAT(Levels({10.5, 10.5}, {10.9, 10.1}, .5), are({11, 10}));
}

TEST(EightBitTest, AreMultiplesWithinTheBudgetAtEachPrecision) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(6);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const auto clean = torch::rand({5, 1, 40, 40}, generator).to(type);
    const auto epsilon = torch::tensor({.5, 1., 2., 4., 8.}, torch::kFloat64).to(type) / 255;
    const auto noise = torch::rand(clean.sizes(), generator).to(type) * 2 - 1;
    const auto candidates = (clean + noise.sign() * epsilon.view({-1, 1, 1, 1})).clamp(0, 1);
    const auto rounded = RoundToEightBits(candidates, clean, epsilon);
    EXPECT_EQ(rounded.scalar_type(), type);
    const auto levels = rounded.to(torch::kFloat64) * 255;
    EXPECT_LE(Value((levels - levels.round()).abs().max()), 1e-4);
    const auto excess = (rounded - clean).abs().flatten(1).amax(1) - epsilon;
    EXPECT_LE(Value(excess.max()), 1e-6);
    EXPECT_GE(Value(rounded.min()), 0);
    EXPECT_LE(Value(rounded.max()), 1);
    // With more than half a level an attack is left something.
    const auto moved = (rounded - clean.mul(255).round().div(255)).abs().flatten(1).amax(1);
    EXPECT_GT(Value(moved.narrow(0, 1, 4).min()), .5 / 255);
  }
}

TEST(EightBitTest, RefusesBudgetsThatHoldNoLevel) {
  ExpectError(ErrorKind::kInvalid, {"0.5/255 or more"}, [] { Levels({10.5}, {10.5}, .4); });
}

// ---- What attacks cost
// ----------------------------------------------------------------------------

TEST(CostTest, CountsThePassesOfAnAttackThatFoolsNobody) {
  int passes = 0;
  AttackTarget target;
  target.logits_of = [&](const torch::Tensor& x) {
    ++passes;
    const auto mean = x.flatten(1).mean(1, /*keepdim=*/true) * .01;
    return torch::cat({mean + 1, mean * 2, mean * 3, mean * 4}, 1);
  };
  target.view_of = [&](const torch::Tensor& x) {
    return View{target.logits_of(x), {x * 2, x * 3}};
  };
  target.hold_features = [&](const torch::Tensor& clean) {
    target.logits_of(clean);
    return target.logits_of;
  };
  auto input = NoisyInput(2, .1);
  input.labels.zero_();
  for (const char* attack :
       {"noise", "noise:restarts=3", "fgsm", "pgd:steps=4", "pgd:steps=4,restarts=3",
        "pgd:steps=4,loss=kl,start=gaussian", "pgd:steps=4,restarts=2,feat1=1",
        "pgd:steps=4,scope=image", "apgd-ce:steps=10", "apgd-dlr:steps=10,restarts=2",
        "apgd-dlr-t:steps=10", "square:queries=12", "square:queries=12,scope=image"}) {
    passes = 0;
    RunAttack(ParseAttack(attack), target, input);
    EXPECT_EQ(CostOf(ParseAttack(attack), 4).forward, passes) << attack;
  }
  EXPECT_EQ(CostOf(ParseAttack("pgd:steps=4,restarts=3"), 4).backward, 12);
  EXPECT_EQ(CostOf(ParseAttack("apgd-dlr-t:steps=10"), 4).backward, 30);
  EXPECT_EQ(CostOf(ParseAttack("square"), 4).backward, 0);
}

}  // namespace
}  // namespace hepar
