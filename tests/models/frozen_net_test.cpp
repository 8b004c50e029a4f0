// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/frozen_net.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <ATen/Parallel.h>

#include <string>

#include "tests/support/random_net.h"

namespace hepar {
namespace {

SeverityNet HeldNet(const std::string& classifier = "squeezenet1_1", unsigned seed = 1) {
  SeverityNet net = testing::RandomNet(testing::ArchitectureOf("nano", classifier), seed);
  for (auto& parameter : net->parameters()) parameter.set_requires_grad(false);
  return net;
}

torch::Tensor Pictures(int count) {
  torch::manual_seed(3);
  return torch::rand({count, 1, 65, 64});
}

// Of a loss of the logits in which each picture has a weight of its own.
torch::Tensor GradientOf(FrozenNet& net, const torch::Tensor& pictures) {
  const auto x = pictures.detach().clone().requires_grad_(true);
  const auto losses = torch::log_softmax(net.Logits(x), 1).select(1, 2);
  return torch::autograd::grad({losses.sum()}, {x})[0];
}

double RelativeError(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

TEST(FrozenNetTest, TheEngineGivesAutogradsResults) {
  SeverityNet net = HeldNet();
  FrozenNet frozen(net);
  const auto pictures = Pictures(3);
  ASSERT_TRUE(frozen.RunsOnEngine(pictures));
  const auto x = pictures.clone().requires_grad_(true), y = pictures.clone().requires_grad_(true);
  const auto got = frozen.LogitsAndFeatures(x);
  const Decoupled parts = net->Decouple(y);
  const auto logits = net->Classify(SeverityNetImpl::Concatenate(parts));
  EXPECT_LT(RelativeError(got.logits, logits), 1e-4);
  EXPECT_LT(RelativeError(got.specific, parts.specific), 1e-4);
  EXPECT_LT(RelativeError(got.common, parts.common), 1e-4);
  const auto sum_of = [](const torch::Tensor& z, const torch::Tensor& f, const torch::Tensor& g) {
    return z.square().sum() + f.square().sum() + 2 * g.square().sum();
  };
  const auto gradient =
      torch::autograd::grad({sum_of(got.logits, got.specific, got.common)}, {x})[0];
  const auto expected =
      torch::autograd::grad({sum_of(logits, parts.specific, parts.common)}, {y})[0];
  EXPECT_LT(RelativeError(gradient, expected), 1e-3);

  const auto held = frozen.LogitsWith(pictures, parts.specific.roll(1, 0), parts.common);
  const auto held_expected =
      net->Classify(torch::cat({parts.specific.roll(1, 0), parts.common, pictures}, 1));
  EXPECT_LT(RelativeError(held, held_expected), 1e-4);
}

TEST(FrozenNetTest, APicturesGradientDependsOnNeitherBatchNorThreads) {
  FrozenNet frozen(HeldNet());
  const auto pictures = Pictures(5);
  const auto together = GradientOf(frozen, pictures);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(GradientOf(frozen, pictures.narrow(0, i, 1)).equal(together.narrow(0, i, 1)));
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  const auto by_three = GradientOf(frozen, pictures);
  at::set_num_threads(threads);
  EXPECT_TRUE(by_three.equal(together));
}

TEST(FrozenNetTest, RefreshTakesTheWeightsOfNow) {
  SeverityNet net = HeldNet();
  FrozenNet frozen(net);
  const auto pictures = Pictures(2);
  const auto before = GradientOf(frozen, pictures);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.mul_(1.01);
  }
  EXPECT_TRUE(GradientOf(frozen, pictures).equal(before));
  frozen.Refresh();
  const auto after = GradientOf(frozen, pictures);
  EXPECT_FALSE(after.equal(before));
  FrozenNet fresh(net);
  EXPECT_TRUE(after.equal(GradientOf(fresh, pictures)));
}

TEST(FrozenNetTest, LibTorchRunsWhatTheEngineCannot) {
  SeverityNet transformer = HeldNet("vit_tiny");
  FrozenNet frozen(transformer);
  const auto pictures = Pictures(2);
  EXPECT_FALSE(frozen.RunsOnEngine(pictures));
  EXPECT_TRUE(frozen.Logits(pictures).equal(transformer->forward(pictures)));

  SeverityNet wide = HeldNet();
  wide->to(torch::kFloat64);
  FrozenNet in_double(wide);
  EXPECT_FALSE(in_double.RunsOnEngine(pictures.to(torch::kFloat64)));

  SeverityNet training = HeldNet();
  training->train();
  EXPECT_FALSE(FrozenNet(training).RunsOnEngine(pictures));
}

}  // namespace
}  // namespace hepar
