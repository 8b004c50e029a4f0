// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/losses.h"

#include <torch/utils.h>

#include <gtest/gtest.h>

#include "training/attacks/attack.h"

namespace hepar {
namespace {

constexpr double kXi = 1e-3;

torch::Tensor Zeros() { return torch::zeros({1, 1, 5, 5}, torch::kFloat64); }

torch::Tensor Impulse(int y, int x) {
  auto picture = Zeros();
  picture.index_put_({0, 0, y, x}, 1.0);
  return picture;
}

torch::Tensor Ramp() {
  return (torch::arange(5, torch::kFloat64) * 0.1).view({1, 1, 1, 5}).expand({1, 1, 5, 5});
}

torch::Tensor Logits(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64).unsqueeze(0);
}

torch::Tensor Label(std::int64_t label) { return torch::tensor({label}, torch::kInt64); }

double Value(const torch::Tensor& loss) { return loss.item<double>(); }

TEST(ReconstructionLossTest, OfEqualPicturesIsXiWithZeroGradient) {
  auto reconstruction = Ramp().clone().set_requires_grad(true);
  const auto loss = ReconstructionLoss(reconstruction, Ramp(), kXi);
  EXPECT_NEAR(Value(loss), kXi, 1e-12);
  EXPECT_NEAR(Value(EdgeLoss(Ramp(), Ramp(), kXi)), kXi, 1e-12);
  loss.backward();
  EXPECT_EQ(Value(reconstruction.grad().abs().max()), 0.0);
}

TEST(ReconstructionLossTest, OfACenterImpulse) {
  EXPECT_NEAR(Value(EdgeLoss(Impulse(2, 2), Zeros(), kXi)), 0.3208000849999798, 1e-9);
  EXPECT_NEAR(Value(ReconstructionLoss(Impulse(2, 2), Zeros(), kXi)), 0.3608000849999798, 1e-9);
}

TEST(ReconstructionLossTest, ReplicatesTheBorder) {
  EXPECT_NEAR(Value(EdgeLoss(Impulse(0, 0), Zeros(), kXi)), 0.16088004999998962, 1e-9);
}

TEST(ReconstructionLossTest, OfARamp) {
  EXPECT_NEAR(Value(EdgeLoss(Ramp(), Zeros(), kXi)), 0.04060199995000252, 1e-9);
  EXPECT_NEAR(Value(ReconstructionLoss(Ramp(), Zeros(), kXi)), 0.24060199995000252, 1e-9);
}

TEST(ReconstructionLossTest, EdgesAreBlindToAnOffsetThatL1Sees) {
  const auto offset = torch::full({1, 1, 5, 5}, 0.25, torch::kFloat64);
  EXPECT_NEAR(Value(EdgeLoss(offset, Zeros(), kXi)), kXi, 1e-12);
  EXPECT_NEAR(Value(ReconstructionLoss(offset, Zeros(), kXi)), kXi + 0.25, 1e-12);
}

TEST(ReconstructionLossTest, IsSymmetricAndFiniteWhereTheLaplacianIsNegative) {
  const double forward = Value(EdgeLoss(Zeros(), Impulse(2, 2), kXi));
  EXPECT_NEAR(forward, Value(EdgeLoss(Impulse(2, 2), Zeros(), kXi)), 1e-15);
  EXPECT_TRUE(std::isfinite(forward));
}

TEST(ReconstructionLossTest, TreatsChannelsApart) {
  const auto two = torch::cat({Impulse(2, 2), Ramp()}, 1);
  const double expected = 0.5 * (0.3208000849999798 + 0.04060199995000252);
  EXPECT_NEAR(Value(EdgeLoss(two, torch::zeros_like(two), kXi)), expected, 1e-9);
}

TEST(ReconstructionLossTest, GradientAgreesWithDifferences) {
  torch::manual_seed(1);
  const auto planes = torch::rand({1, 1, 5, 5}, torch::kFloat64);
  auto x = torch::rand({1, 1, 5, 5}, torch::kFloat64).set_requires_grad(true);
  ReconstructionLoss(x, planes, kXi).backward();

  constexpr double kStep = 1e-6;
  auto more = x.detach().clone(), less = x.detach().clone();
  more[0][0][1][3] += kStep;
  less[0][0][1][3] -= kStep;
  const double difference =
      Value(ReconstructionLoss(more, planes, kXi) - ReconstructionLoss(less, planes, kXi)) /
      (2 * kStep);
  EXPECT_NEAR(Value(x.grad()[0][0][1][3]), difference, 1e-6);
}

TEST(AuxiliaryLossTest, IsBinaryCrossEntropyOnOneHotLabels) {
  EXPECT_NEAR(Value(AuxiliaryLoss(Logits({2, -1, 0, -3}), Label(0))), 0.2954810576737207, 1e-9);
  const auto probabilities = Logits({.9, .2, .3, .4});
  const auto logits = (probabilities / (1 - probabilities)).log();
  EXPECT_NEAR(Value(AuxiliaryLoss(logits, Label(0))), 0.2990011586691898, 1e-9);
}

TEST(AuxiliaryLossTest, StaysFiniteForLargeLogits) {
  EXPECT_NEAR(Value(AuxiliaryLoss(Logits({100, -100, -100, -100}), Label(1))), 50.0, 1e-9);
}

TEST(AuxiliaryLossTest, OrdinalAsksWhetherTheGradeIsReached) {
  // The first logit has no question: every grade is at least the first.
  EXPECT_NEAR(Value(AuxiliaryLoss(Logits({9, 2, 1, -1}), Label(2), AuxiliaryTarget::kOrdinal)),
              0.2511504620265728, 1e-9);
}

TEST(EdgeLossTest, PyramidIsAHighPass) {
  auto impulse = torch::zeros({1, 1, 8, 8}, torch::kFloat64);
  impulse[0][0][4][4] = 1;
  const auto nothing = torch::zeros_like(impulse);
  EXPECT_NEAR(Value(EdgeLoss(impulse, nothing, kXi, EdgeFilter::kPyramid)), 0.027925737127848127,
              1e-9);
  // Replicated borders meet the zeros of the up-sampling: a constant is seen at the edge.
  EXPECT_NEAR(Value(EdgeLoss(torch::ones_like(impulse), nothing, kXi, EdgeFilter::kPyramid)),
              0.258378347880839, 1e-9);
}

TEST(EdgeLossTest, IsFiniteWithoutGradientWhereNothingDiffers) {
  for (EdgeFilter filter : {EdgeFilter::kLaplacian, EdgeFilter::kPyramid}) {
    auto x = torch::rand({1, 1, 6, 6}, torch::kFloat64).set_requires_grad(true);
    const auto loss = EdgeLoss(x, x.detach(), kXi, filter);
    EXPECT_NEAR(Value(loss.detach()), kXi, 1e-15);
    loss.backward();
    EXPECT_EQ(Value(x.grad().abs().max()), 0.0);
  }
}

TEST(AdversarialLossTest, WeighsEachSampleByTheBetaOfItsClass) {
  const auto clean = torch::cat({Logits({2, 0, 0, 0}), Logits({1, 2, 3, 4})});
  const auto attacked = torch::cat({Logits({0, 2, 0, 0}), Logits({4, 3, 2, 1})});
  const auto ce = torch::cat({SeverityLosses(clean.slice(0, 0, 1), Label(0)),
                              SeverityLosses(clean.slice(0, 1, 2), Label(3))});
  const auto beta = torch::tensor({6. / 7, .9}, torch::kFloat64);
  const auto losses = AdversarialLoss(ce, KlDivergence(clean, attacked), beta);
  EXPECT_NEAR(Value(losses[0]), 1.1029294945078045, 1e-9);
  EXPECT_NEAR(Value(losses[1]), 1.8307938921105054, 1e-9);
  EXPECT_NEAR(Value(losses.mean()), 1.466861693309155, 1e-9);
}

TEST(SeverityLossesTest, IsCrossEntropy) {
  EXPECT_NEAR(Value(SeverityLosses(Logits({2, 0, 0, 0}), Label(0))), 0.3407529539131313, 1e-9);
  EXPECT_NEAR(Value(SeverityLosses(Logits({2, 0, 0, 0}), Label(1))), 2.3407529539131313, 1e-9);
  EXPECT_NEAR(Value(SeverityLosses(Logits({1, 2, 3, 4}), Label(3))), 0.4401896985611957, 1e-9);
}

TEST(SeverityLossesTest, WeightsClassesInTheMean) {
  const auto logits = torch::cat({Logits({2, 0, 0, 0}), Logits({2, 0, 0, 0})});
  const auto labels = torch::tensor({0, 1}, torch::kInt64);
  const auto weights = torch::tensor({3., 1., 1., 1.}, torch::kFloat64);
  EXPECT_NEAR(Value(WeightedMean(SeverityLosses(logits, labels), labels, weights)),
              (3 * 0.3407529539131313 + 2.3407529539131313) / 2, 1e-9);
  // A batch of classes that weigh nothing teaches nothing.
  EXPECT_EQ(Value(WeightedMean(SeverityLosses(logits, labels), labels, 0 * weights)), 0.0);
}

TEST(SeverityLossesTest, SmoothingMovesTheTargetToAllClasses) {
  const double plain = 0.3407529539131313, other = 2.3407529539131313;
  EXPECT_NEAR(Value(SeverityLosses(Logits({2, 0, 0, 0}), Label(0), 0.4)), 0.7 * plain + 0.3 * other,
              1e-9);
}

TEST(SoftGradesTest, SpreadTheTargetOverTheNearestCutPoints) {
  const auto labels = torch::tensor({0, 1, 3}, torch::kInt64);
  const auto severities = torch::tensor({1.0, 1.5, std::nan("")}, torch::kFloat64);
  const auto targets = SoftGrades(labels, severities, 4, 0.5);
  EXPECT_NEAR(Value(targets.sum(1).sub(1).abs().max()), 0.0, 1e-12);
  // At a cut point both grades are as likely: 1/2, and Phi(1 / 0.5) - 1/2.
  EXPECT_NEAR(Value(targets[0][0]), 0.5, 1e-12);
  EXPECT_NEAR(Value(targets[0][1]), 0.4772498680518208, 1e-9);
  // In the middle of a grade Phi(1) - Phi(-1) stay, and the neighbors get equal shares.
  EXPECT_NEAR(Value(targets[1][1]), 0.6826894921370859, 1e-9);
  EXPECT_NEAR(Value(targets[1][0]), 0.15865525393145707, 1e-9);
  EXPECT_NEAR(Value(targets[1][2]), Value(targets[1][0]) - 0.0013498980316301035, 1e-9);
  // Nothing is known but the grade.
  EXPECT_EQ(Value(targets[2][3]), 1.0);
}

TEST(SoftGradesTest, LossOfAGradeIsItsCrossEntropy) {
  const auto hard = torch::tensor({{0., 1., 0., 0.}}, torch::kFloat64);
  const auto logits = Logits({2, 0, 0, 0});
  EXPECT_NEAR(Value(SoftSeverityLosses(logits, hard)), 2.3407529539131313, 1e-9);
  EXPECT_NEAR(Value(SoftSeverityLosses(logits, hard, 0.4)),
              Value(SeverityLosses(logits, Label(1), 0.4)), 1e-9);
  const auto half = torch::tensor({{.5, .5, 0., 0.}}, torch::kFloat64);
  EXPECT_NEAR(Value(SoftSeverityLosses(logits, half)),
              (0.3407529539131313 + 2.3407529539131313) / 2, 1e-9);
}

}  // namespace
}  // namespace hepar
