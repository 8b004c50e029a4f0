// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "models/error.h"
#include "models/nets/severity_net.h"
#include "training/attacks/apgd.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/attack_suite.h"
#include "training/attacks/budget.h"
#include "training/attacks/fgsm.h"
#include "training/attacks/picture_gradient.h"
#include "training/attacks/sample_random.h"
#include "training/attacks/sanity_panel.h"
#include "training/attacks/square.h"
#include "training/attacks/strongest.h"
#include "training/attacks/until_fooled.h"

namespace hepar {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;

// ---- What is attacked -----------------------------------------------------------------------

torch::Tensor Doubles(std::vector<double> values) { return torch::tensor(values, torch::kFloat64); }
torch::Tensor Logits(std::vector<double> values) {
  return Doubles(std::move(values)).view({1, -1});
}
torch::Tensor Labels(std::vector<std::int64_t> values) {
  return torch::tensor(values, torch::kInt64);
}
double Value(const torch::Tensor& scalar) { return scalar.item<double>(); }
double Mean(const torch::Tensor& values) { return Value(values.to(torch::kFloat64).mean()); }

// A batch of pictures from rows of three values, all of label 0 and one budget.
AttackInput Rows(const torch::Tensor& pictures, double epsilon, std::uint64_t first_seed = 1) {
  AttackInput input;
  input.pictures = pictures.view({-1, 1, 1, 3});
  const auto batch = input.pictures.size(0);
  input.labels = torch::zeros(batch, torch::kInt64);
  input.epsilon = torch::full(batch, epsilon, pictures.options());
  for (std::int64_t i = 0; i < batch; ++i) input.seeds.push_back(first_seed + i);
  return input;
}

// z = [w.x, -w.x] with w = (1, -2, .5): everything about it can be worked out on paper.
torch::Tensor Linear(const torch::Tensor& pictures) {
  const auto product = pictures.flatten(1).matmul(Doubles({1, -2, .5}));
  return torch::stack({product, -product}, 1);
}

AttackInput LinearInput() { return Rows(Doubles({.5, .5, .5}), .1); }

PgdOptions CrossEntropyFromPictures(int steps, double step_size) {
  PgdOptions options;
  options.loss = PgdOptions::Loss::kCrossEntropy;
  options.start = PgdOptions::Start::kPictures;
  options.steps = steps;
  options.step_size = step_size;
  return options;
}

void ExpectRow(const torch::Tensor& picture, std::vector<double> expected) {
  const auto values = picture.flatten().to(torch::kFloat64);
  ASSERT_EQ(values.numel(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(Value(values[i]), expected[i], 1e-9) << "value " << i;
  }
}

// A small classifier with features, batch normalization and dropout.
struct ToyNetImpl : torch::nn::Module {
  ToyNetImpl() {
    conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 8, 3).padding(1)));
    norm = register_module("norm", torch::nn::BatchNorm2d(8));
    dropout = register_module("dropout", torch::nn::Dropout(.2));
    linear = register_module("linear", torch::nn::Linear(9 * 4, 4));
  }
  torch::Tensor Features(const torch::Tensor& x) { return torch::relu(norm(conv(x))); }
  torch::Tensor Classify(const torch::Tensor& features, const torch::Tensor& x) {
    return linear(dropout(torch::avg_pool2d(torch::cat({features, x}, 1), 4).flatten(1)));
  }
  torch::Tensor forward(const torch::Tensor& x) { return Classify(Features(x), x); }

  torch::nn::Conv2d conv{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(ToyNet);

// Noisy pictures of 8 x 8, one quadrant a little brighter: its number is the label.
AttackInput ToyInput(std::int64_t batch, double epsilon, std::uint64_t seed = 1) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  AttackInput input;
  input.pictures = torch::randn({batch, 1, 8, 8}, generator) * .1 + .5;
  input.labels = torch::arange(batch) % 4;
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::int64_t top = i % 4 / 2 * 4, left = i % 2 * 4;
    input.pictures[i].narrow(1, top, 4).narrow(2, left, 4).add_(.15);
    input.seeds.push_back(1000 * seed + i);
  }
  input.pictures.clamp_(0, 1);
  input.epsilon = torch::full(batch, epsilon);
  return input;
}

// Trained once for all tests, in evaluation mode.
ToyNet TrainedToyNet() {
  static const ToyNet net = [] {
    const torch::AutoGradMode enable(true);  // The first call may come from within an attack.
    at::set_num_threads(1);
    torch::manual_seed(1);
    ToyNet made;
    torch::optim::Adam adam(made->parameters(), torch::optim::AdamOptions(1e-2));
    for (int step = 0; step < 100; ++step) {
      const auto batch = ToyInput(64, 0, 100 + step);
      adam.zero_grad();
      torch::cross_entropy_loss(made->forward(batch.pictures), batch.labels).backward();
      adam.step();
    }
    made->eval();
    for (auto& parameter : made->parameters()) parameter.set_requires_grad(false);
    return made;
  }();
  return net;
}

LogitsOf ToyLogits() {
  return [net = TrainedToyNet()](const torch::Tensor& x) mutable { return net->forward(x); };
}

double Accuracy(const LogitsOf& logits_of, const torch::Tensor& pictures,
                const torch::Tensor& labels) {
  return Mean(Correct(logits_of, pictures, labels));
}

double AccuracyUnder(const std::string& attack, const LogitsOf& logits_of,
                     const AttackInput& input) {
  return Accuracy(logits_of, RunAttack(ParseAttack(attack), logits_of, input), input.labels);
}

AttackInput Part(const AttackInput& input, std::int64_t first, std::int64_t count) {
  return {input.pictures.narrow(0, first, count),
          input.labels.narrow(0, first, count),
          input.epsilon.narrow(0, first, count),
          {input.seeds.begin() + first, input.seeds.begin() + first + count}};
}

template <typename Call>
std::string MessageOf(ErrorKind kind, Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

// Each attack, with settings that take milliseconds.
const std::vector<std::string> kAllAttacks = {"noise",
                                              "noise:kind=corners,restarts=3",
                                              "fgsm",
                                              "fgsm:start=uniform",
                                              "pgd:steps=5,restarts=2",
                                              "pgd:steps=5,loss=kl,start=gaussian",
                                              "apgd-ce:steps=12,restarts=2",
                                              "apgd-dlr:steps=12",
                                              "apgd-dlr-t:steps=12",
                                              "square:queries=60"};

// ---- Projection, divergence, losses ---------------------------------------------------------

TEST(BudgetTest, KeepsToTheBudgetAndToTheRangeOfPictures) {
  const auto pictures = Doubles({0, .01, .5, .99, 1}).view({1, 1, 1, 5});
  const Budget budget(pictures, Doubles({8. / 255}));
  ExpectRow(budget.Clip(torch::full_like(pictures, -9)),
            {0, 0, .5 - 8. / 255, .99 - 8. / 255, 1 - 8. / 255});
  ExpectRow(budget.Clip(torch::full_like(pictures, 9)),
            {8. / 255, .01 + 8. / 255, .5 + 8. / 255, 1, 1});
  ExpectRow(budget.Clip(pictures + .001), {.001, .011, .501, .991, 1});
}

TEST(KlDivergenceTest, OfPermutedLogits) {
  EXPECT_NEAR(Value(KlDivergence(Logits({2, 0, 0, 0}), Logits({0, 2, 0, 0}))), 1.2299589179402504,
              1e-9);
}

TEST(KlDivergenceTest, IsAsymmetric) {
  const auto rising = Logits({1, 2, 3, 4}), uniform = Logits({0, 0, 0, 0});
  EXPECT_NEAR(Value(KlDivergence(rising, uniform)), 0.4387573971444649, 1e-9);
  EXPECT_NEAR(Value(KlDivergence(uniform, rising)), 0.5538953374413049, 1e-9);
  EXPECT_NEAR(Value(KlDivergence(rising, Logits({4, 3, 2, 1}))), 1.9853054691715397, 1e-9);
}

TEST(KlDivergenceTest, IsZeroOfEqualsNeverNegativeAndFiniteForLargeLogits) {
  torch::manual_seed(1);
  const auto a = torch::randn({50, 4}, torch::kFloat64), b = torch::randn({50, 4}, torch::kFloat64);
  EXPECT_EQ(Value(KlDivergence(a, a).abs().max()), 0);
  EXPECT_GE(Value(KlDivergence(a, b).min()), 0);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const auto large = Logits({1e4, -1e4, 0, 0}).to(type).requires_grad_(true);
    const auto divergence = KlDivergence(large, Logits({-1e4, 1e4, 0, 0}).to(type));
    EXPECT_NEAR(Value(divergence), 2e4, 1);
    divergence.sum().backward();
    EXPECT_TRUE(large.grad().isfinite().all().item<bool>());
  }
}

TEST(KlDivergenceTest, IsDifferentiableInBoth) {
  auto a = Logits({1, 2, 3, 4}).requires_grad_(true), b = Logits({0, 2, 0, 0}).requires_grad_(true);
  KlDivergence(a, b).sum().backward();
  // With respect to the second logits: q - p.
  const auto expected = (b.softmax(1) - a.softmax(1)).detach();
  EXPECT_TRUE(torch::allclose(b.grad(), expected));
  EXPECT_GT(Value(a.grad().abs().max()), .1);
}

TEST(AttackLossesTest, DifferenceOfLogitsRatio) {
  const auto logits = Logits({2, 1, .5, 0});
  EXPECT_NEAR(Value(DlrLosses(logits, Labels({0}))), -2. / 3, 1e-9);
  EXPECT_NEAR(Value(DlrLosses(logits, Labels({1}))), 2. / 3, 1e-9);
  EXPECT_NEAR(Value(TargetedDlrLosses(logits, Labels({0}), Labels({1}))), -4. / 7, 1e-9);
}

TEST(AttackLossesTest, RatioIgnoresShiftAndScaleOfLogits) {
  const auto logits = Logits({2, 1, .5, 0}), other = logits * 50 - 7;
  EXPECT_NEAR(Value(DlrLosses(other, Labels({0}))), -2. / 3, 1e-9);
  EXPECT_NEAR(Value(TargetedDlrLosses(other, Labels({0}), Labels({1}))), -4. / 7, 1e-9);
}

TEST(AttackLossesTest, RatioOfEqualLogitsIsFinite) {
  auto logits = torch::zeros({1, 4}).requires_grad_(true);
  const auto losses =
      DlrLosses(logits, Labels({2})) + TargetedDlrLosses(logits, Labels({2}), Labels({0}));
  losses.sum().backward();
  EXPECT_EQ(Value(losses), 0);
  EXPECT_TRUE(logits.grad().isfinite().all().item<bool>());
}

TEST(AttackLossesTest, MarginIsPositiveWhereTheClassifierIsWrong) {
  const auto logits = torch::cat({Logits({2, 1, .5, 0}), Logits({2, 1, .5, 0})});
  const auto margins = MarginLosses(logits, Labels({0, 2}));
  EXPECT_NEAR(Value(margins[0]), -1, 1e-12);
  EXPECT_NEAR(Value(margins[1]), 1.5, 1e-12);
}

// ---- Guard ----------------------------------------------------------------------------------

// A module whose flags are as mixed as fine-tuning can make them.
ToyNet MixedToyNet() {
  torch::manual_seed(3);
  ToyNet net;
  net->norm->eval();
  net->linear->train();
  net->conv->weight.set_requires_grad(false);
  net->forward(torch::rand({4, 1, 8, 8})).sum().backward();  // So that there are gradients.
  return net;
}

std::vector<torch::Tensor> StateOf(ToyNet net) {
  std::vector<torch::Tensor> state;
  for (const auto& buffer : net->buffers()) state.push_back(buffer.clone());
  for (const auto& parameter : net->parameters()) {
    state.push_back(parameter.detach().clone());
    state.push_back(torch::tensor(parameter.requires_grad()));
    state.push_back(parameter.grad().defined() ? parameter.grad().clone() : torch::tensor(-1));
  }
  for (const auto& module : net->modules()) state.push_back(torch::tensor(module->is_training()));
  return state;
}

void ExpectSameState(const std::vector<torch::Tensor>& before,
                     const std::vector<torch::Tensor>& after) {
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(before[i], after[i])) << "part " << i << " of the state";
  }
}

TEST(AttackGuardTest, AttacksLeaveModesFlagsStatisticsAndGradientsAsTheyWere) {
  auto net = MixedToyNet();
  const auto before = StateOf(net);
  for (const auto& name : kAllAttacks) {
    const AttackGuard guard(*net);
    EXPECT_FALSE(net->is_training() || net->dropout->is_training() || net->linear->is_training());
    EXPECT_FALSE(net->linear->weight.requires_grad());
    RunAttack(
        ParseAttack(name), [&](const torch::Tensor& x) { return net->forward(x); },
        ToyInput(4, .05));
  }
  ExpectSameState(before, StateOf(net));
}

TEST(AttackGuardTest, RestoresAfterAnExceptionOfTheModel) {
  auto net = MixedToyNet();
  const auto before = StateOf(net);
  int calls = 0;
  const auto attack = [&] {
    const AttackGuard guard(*net);
    Pgd(
        [&](const torch::Tensor& x) {
          if (++calls == 3) throw std::runtime_error("out of memory");
          return net->forward(x);
        },
        ToyInput(4, .05), {});
  };
  EXPECT_THROW(attack(), std::runtime_error);
  EXPECT_EQ(calls, 3);
  ExpectSameState(before, StateOf(net));
}

TEST(AttackGuardTest, GuardsModulesOnTheStackAndSharedParameters) {
  struct Tied : torch::nn::Module {
    Tied() {
      weight = register_parameter("weight", torch::ones(2));
      inner = register_module("inner", torch::nn::Linear(1, 2));
      inner->weight = inner->register_parameter("tied", weight);
    }
    torch::Tensor weight;
    torch::nn::Linear inner{nullptr};
  } module;
  module.inner->eval();
  {
    const AttackGuard guard(module);
    EXPECT_FALSE(module.weight.requires_grad());
    EXPECT_FALSE(module.is_training());
  }
  EXPECT_TRUE(module.weight.requires_grad());
  EXPECT_TRUE(module.is_training());
  EXPECT_FALSE(module.inner->is_training());
}

TEST(AttackGuardTest, WorksOnTheWholeNet) {
  torch::manual_seed(1);
  Architecture architecture;
  architecture.size = "custom";
  architecture.decoupler = {{4, 4, 4, 4}, {4, 4, 4, 4}, 2};
  SeverityNet net(architecture);
  auto input = ToyInput(2, 4. / 255);
  input.pictures = torch::rand({2, 1, 48, 48});
  std::vector<torch::Tensor> before;
  for (const auto& buffer : net->buffers()) before.push_back(buffer.clone());
  torch::Tensor attacked;
  {
    const AttackGuard guard(*net);
    PgdOptions options;
    options.steps = 2;
    attacked = Pgd([&](const torch::Tensor& x) { return net->forward(x); }, input, options);
  }
  EXPECT_GT(Value((attacked - input.pictures).abs().max()), 0);
  const auto after = net->buffers();
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(torch::equal(before[i], after[i]));
  for (const auto& parameter : net->parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
    EXPECT_TRUE(parameter.requires_grad());
  }
  EXPECT_TRUE(net->is_training());
}

// ---- Random numbers -------------------------------------------------------------------------

TEST(SampleRandomTest, ASampleGetsTheSameInAnyBatch) {
  const auto three = torch::zeros({3, 1, 5, 5}), one = torch::zeros({1, 1, 5, 5});
  SampleRandom batch({7, 8, 9}), alone({8});
  EXPECT_TRUE(torch::equal(batch.Normal(three)[1], alone.Normal(one)[0]));
  EXPECT_TRUE(torch::equal(batch.Uniform(three)[1], alone.Uniform(one)[0]));
  EXPECT_TRUE(torch::equal(batch.Signs(three, 1, 5, 5)[1], alone.Signs(one, 1, 5, 5)[0]));
  EXPECT_TRUE(torch::equal(batch.Below(1000)[1], alone.Below(1000)[0]));
}

TEST(SampleRandomTest, SeedsCountWithAllTheirBits) {
  const auto pictures = torch::zeros({3, 1, 5, 5});
  const auto drawn = SampleRandom({1, 2, (std::uint64_t{1} << 40) + 1}).Normal(pictures);
  EXPECT_FALSE(torch::equal(drawn[0], drawn[1]));
  EXPECT_FALSE(torch::equal(drawn[0], drawn[2]));
  auto generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{2});
  EXPECT_TRUE(torch::equal(drawn[1], torch::empty({1, 5, 5}).normal_(0, 1, generator)));
}

TEST(SampleRandomTest, DistributionsAreAsNamed) {
  const auto pictures = torch::zeros({4, 1, 100, 100});
  SampleRandom random({1, 2, 3, 4});
  const auto normal = random.Normal(pictures), uniform = random.Uniform(pictures);
  EXPECT_NEAR(Mean(normal), 0, .02);
  EXPECT_NEAR(Value(normal.std()), 1, .02);
  EXPECT_NEAR(Mean(uniform), 0, .02);
  EXPECT_NEAR(Value(uniform.min()), -1, 1e-3);
  EXPECT_NEAR(Value(uniform.max()), 1, 1e-3);
  const auto signs = random.Signs(pictures, 1, 100, 100);
  EXPECT_TRUE((signs.abs() == 1).all().item<bool>());
  EXPECT_NEAR(Mean(signs), 0, .02);
}

// ---- PGD ------------------------------------------------------------------------------------

TEST(PgdTest, ReachesTheOptimumOfALinearNet) {
  ExpectRow(Pgd(Linear, LinearInput(), CrossEntropyFromPictures(1, .025)), {.475, .525, .475});
  for (const int steps : {4, 40}) {
    const auto attacked = Pgd(Linear, LinearInput(), CrossEntropyFromPictures(steps, .025));
    ExpectRow(attacked, {.4, .6, .4});
    // Margin z_0 - z_1: -0.5 before, lower by 2 eps |w|_1 = 0.7 now.
    EXPECT_NEAR(Value(MarginLosses(Linear(attacked), Labels({0}))), 1.2, 1e-9);
  }
}

TEST(PgdTest, StepsAQuarterOfTheBudgetByDefault) {
  ExpectRow(Pgd(Linear, LinearInput(), CrossEntropyFromPictures(1, 0)), {.475, .525, .475});
}

TEST(PgdTest, StaysInTheRangeOfPictures) {
  ExpectRow(Pgd(Linear, Rows(Doubles({.02, .5, .99}), .1), CrossEntropyFromPictures(10, 0)),
            {0, .6, .89});
}

TEST(PgdTest, TheStartDecidesTheBasinOfKl) {
  const auto clean = Linear(LinearInput().pictures);
  const PgdOptions options;
  int basins[2] = {0, 0};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto input = Rows(Doubles({.5, .5, .5}), .1, seed);
    const auto noise = SampleRandom(input.seeds).Normal(input.pictures);
    const bool up = Value(Linear(noise)[0][0]) > 0;
    const auto attacked = Pgd(Linear, input, options);
    const double divergence = Value(KlDivergence(clean, Linear(attacked)));
    if (up) {
      ExpectRow(attacked, {.6, .4, .6});
      EXPECT_NEAR(divergence, .05978341704, 1e-9);
    } else {
      ExpectRow(attacked, {.4, .6, .4});
      EXPECT_NEAR(divergence, .05348395133, 1e-9);
    }
    ++basins[up];
  }
  EXPECT_GT(basins[0], 0);
  EXPECT_GT(basins[1], 0);
}

TEST(PgdTest, RestartsKeepTheHigherLossOfEachSample) {
  const auto input = Rows(torch::full({20, 3}, .5, torch::kFloat64), .1);
  PgdOptions options;
  options.restarts = 12;
  const auto attacked = Pgd(Linear, input, options);
  for (std::int64_t i = 0; i < 20; ++i) ExpectRow(attacked[i], {.6, .4, .6});
}

TEST(PgdTest, ARestartThatFoolsComesBeforeOneOfHigherLoss) {
  // Right while the value is above 0.5, though with a low probability; below it wrong by a little.
  const auto logits_of = [](const torch::Tensor& x) {
    const auto v = x.flatten(1).select(1, 0);
    const auto zero = torch::zeros_like(v);
    const auto one = torch::where(v > .5, zero + .1, zero);
    const auto two = torch::where(v > .5, zero, zero + .1);
    const auto third = torch::where(v > .5, zero, zero - 9);
    return torch::stack({one, two, third}, 1) + x.flatten(1).sum(1, true) * 0;
  };
  const auto input = Rows(torch::full({20, 3}, .5, torch::kFloat64), .1);
  PgdOptions options = CrossEntropyFromPictures(1, 1e-9);
  options.start = PgdOptions::Start::kUniform;
  options.restarts = 12;
  const auto attacked = Pgd(logits_of, input, options);
  EXPECT_EQ(Accuracy(logits_of, attacked, input.labels), 0);
  // Each restart by itself is one of those.
  double right = 0;
  options.restarts = 1;
  auto fooled = torch::zeros(20, torch::kBool);
  for (options.first_restart = 0; options.first_restart < 12; ++options.first_restart) {
    const auto hits = Correct(logits_of, Pgd(logits_of, input, options), input.labels);
    right += Mean(hits) / 12;
    fooled = fooled.logical_or(hits.logical_not());
  }
  EXPECT_TRUE(fooled.all().item<bool>());
  EXPECT_NEAR(right, .5, .2);
  options.first_restart = -1;
  EXPECT_THAT(MessageOf(ErrorKind::kInvalid, [&] { Pgd(logits_of, input, options); }),
              HasSubstr("first restart"));
}

TEST(PgdTest, EachSampleHasItsOwnBudget) {
  auto input = Rows(torch::full({3, 3}, .5, torch::kFloat64), 0);
  input.epsilon = Doubles({4, 12, 0}) / 255;
  for (const auto start : {PgdOptions::Start::kGaussian, PgdOptions::Start::kUniform}) {
    PgdOptions options = CrossEntropyFromPictures(10, 2. / 255);
    options.start = start;
    const auto change = (Pgd(Linear, input, options) - input.pictures).abs() * 255;
    const auto largest = change.flatten(1).amax(1);
    EXPECT_NEAR(Value(largest[0]), 4, 1e-9);
    EXPECT_NEAR(Value(largest[1]), 12, 1e-9);
    EXPECT_EQ(Value(largest[2]), 0);
  }
}

TEST(PgdTest, ProjectsTheRandomStartAtOnce) {
  auto input = Rows(torch::full({1, 3}, .5, torch::kFloat64), 1e-5);
  std::vector<double> distances;
  const auto watched = [&](const torch::Tensor& x) {
    distances.push_back(Value((x - input.pictures).abs().max()));
    return Linear(x);
  };
  PgdOptions options;
  Pgd(watched, input, options, Linear(input.pictures));
  EXPECT_EQ(distances.size(), 10u);
  EXPECT_THAT(distances, Each(Le(1e-5 + 1e-15)));
}

TEST(PgdTest, KlHasNoGradientAtThePictureItself) {
  const auto input = LinearInput();
  const auto clean = Linear(input.pictures);
  const auto at_picture = GradientAt(input.pictures, Linear, [&](const torch::Tensor& logits) {
    return KlDivergence(clean, logits);
  });
  EXPECT_LT(Value(at_picture.gradient.abs().max()), 1e-12);
}

TEST(PgdTest, RaisesItsLossAndMoreWithMoreSteps) {
  const auto input = ToyInput(64, .06);
  const auto logits_of = ToyLogits();
  const auto clean = logits_of(input.pictures);
  const auto loss_after = [&](int steps) {
    PgdOptions options;
    options.steps = steps;
    return KlDivergence(clean, logits_of(Pgd(logits_of, input, options)));
  };
  SampleRandom random(input.seeds);
  const auto start = Budget(input.pictures, input.epsilon)
                         .Clip(input.pictures + 1e-3 * random.Normal(input.pictures));
  EXPECT_TRUE((loss_after(5) >= KlDivergence(clean, logits_of(start))).all().item<bool>());
  EXPECT_GE(Mean(loss_after(20)), Mean(loss_after(5)) - 1e-4);
}

TEST(PgdTest, UsesOnePassForEachStepAndCleanLogitsWhereGiven) {
  const auto input = LinearInput();
  int passes = 0;
  const auto counted = [&](const torch::Tensor& x) {
    ++passes;
    return Linear(x);
  };
  const PgdOptions options;
  const auto with = Pgd(counted, input, options, Linear(input.pictures));
  EXPECT_EQ(passes, 10);
  const auto without = Pgd(counted, input, options);
  EXPECT_EQ(passes, 21);
  EXPECT_TRUE(torch::equal(with, without));
}

TEST(PgdTest, WorksWhereGradientsAreOffAndReturnsNone) {
  const torch::NoGradGuard no_grad;
  const auto attacked = Pgd(Linear, LinearInput(), CrossEntropyFromPictures(4, 0));
  ExpectRow(attacked, {.4, .6, .4});
  EXPECT_FALSE(attacked.requires_grad());
}

TEST(PgdTest, RefusesOptionsOutOfRange) {
  const auto refuse = [](PgdOptions options) {
    return MessageOf(ErrorKind::kInvalid, [&] { Pgd(Linear, LinearInput(), options); });
  };
  PgdOptions options;
  options.steps = 0;
  EXPECT_THAT(refuse(options), HasSubstr("at least 1 step"));
  options = {};
  options.step_size = -1;
  EXPECT_THAT(refuse(options), HasSubstr("step size >= 0"));
  options = {};
  options.start = PgdOptions::Start::kPictures;
  options.restarts = 2;
  EXPECT_THAT(refuse(options), HasSubstr("all the same"));
}

// ---- All attacks ----------------------------------------------------------------------------

class EveryAttackTest : public testing::TestWithParam<std::string> {
 protected:
  torch::Tensor Run(const LogitsOf& logits_of, const AttackInput& input) const {
    return RunAttack(ParseAttack(GetParam()), logits_of, input);
  }
};

TEST_P(EveryAttackTest, StaysWithinEachBudgetAndTheRangeOfPictures) {
  auto input = ToyInput(16, 0);
  input.pictures[0].fill_(1);
  input.pictures[1].fill_(0);
  input.epsilon = torch::rand(16) * .1;
  const auto attacked = Run(ToyLogits(), input);
  const auto excess = (attacked - input.pictures).abs() - input.epsilon.view({-1, 1, 1, 1});
  EXPECT_LE(Value(excess.max()), 1e-6);
  EXPECT_GE(Value(attacked.min()), 0);
  EXPECT_LE(Value(attacked.max()), 1);
  EXPECT_FALSE(attacked.requires_grad());
  EXPECT_GT(Value((attacked - input.pictures).abs().max()), .01);
}

TEST_P(EveryAttackTest, GivesPicturesOfBudgetZeroBackBitForBit) {
  auto input = ToyInput(8, .05);
  const auto kept = input.pictures.clone();
  input.epsilon.index_put_({torch::indexing::Slice(0, 8, 2)}, 0);
  const auto attacked = Run(ToyLogits(), input);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(torch::equal(attacked[i], kept[i]), i % 2 == 0) << "sample " << i;
  }
  EXPECT_TRUE(torch::equal(input.pictures, kept));
}

TEST_P(EveryAttackTest, RepeatsItself) {
  const auto input = ToyInput(8, .05);
  const auto logits_of = ToyLogits();
  EXPECT_TRUE(torch::equal(Run(logits_of, input), Run(logits_of, input)));
}

TEST_P(EveryAttackTest, ASampleGetsTheSameInAnotherBatch) {
  // In double precision, where a batch's size does not decide the sign of a gradient.
  auto net = TrainedToyNet();
  net->to(torch::kFloat64);
  auto input = ToyInput(9, .05);
  input.pictures = input.pictures.to(torch::kFloat64);
  input.epsilon = input.epsilon.to(torch::kFloat64);
  const auto whole = Run(ToyLogits(), input);
  const auto part = Run(ToyLogits(), Part(input, 4, 3));
  net->to(torch::kFloat32);
  EXPECT_LT(Value((whole.narrow(0, 4, 3) - part).abs().max()), 1e-12);
}

TEST_P(EveryAttackTest, SaysThatTheClassifierGivesNoNumbers) {
  const auto broken = [](const torch::Tensor& x) {
    return x.flatten(1).narrow(1, 0, 4) * std::numeric_limits<double>::quiet_NaN();
  };
  const auto run = [&] { Run(broken, ToyInput(4, .05)); };
  if (GetParam() == "noise") {
    run();  // A single draw asks the classifier nothing.
  } else {
    EXPECT_THAT(MessageOf(ErrorKind::kFailed, run),
                AllOf(HasSubstr("NaN"), HasSubstr("check its weights")));
  }
}

TEST_P(EveryAttackTest, UntilFooledFoolsTheSameSamplesForFewerGradients) {
  auto net = TrainedToyNet();
  net->to(torch::kFloat64);
  auto input = ToyInput(16, .1);
  input.pictures = input.pictures.to(torch::kFloat64);
  input.epsilon = input.epsilon.to(torch::kFloat64);
  long gradients = 0;
  const LogitsOf counted = [&](const torch::Tensor& x) {
    if (x.requires_grad()) gradients += x.size(0);
    return ToyLogits()(x);
  };
  const AttackSpec spec = ParseAttack(GetParam());
  const auto right = Correct(ToyLogits(), RunAttack(spec, counted, input), input.labels);
  const long of_all = std::exchange(gradients, 0);
  const auto attacked = RunUntilFooled(spec, {counted, {}, {}}, input);
  EXPECT_TRUE(torch::equal(Correct(ToyLogits(), attacked, input.labels), right));
  EXPECT_LE(Value((attacked - input.pictures).abs().max()), .1 + 1e-6);
  EXPECT_FALSE(attacked.requires_grad());
  const bool stops = spec.name.rfind("apgd", 0) == 0 || spec.restarts > 1;
  if (stops && of_all > 0) {
    EXPECT_FALSE(right.all().item<bool>()) << "the attack must fool some";
    EXPECT_LT(gradients, of_all);
  } else {
    EXPECT_EQ(gradients, of_all);
  }
  net->to(torch::kFloat32);
}

INSTANTIATE_TEST_SUITE_P(Attacks, EveryAttackTest, testing::ValuesIn(kAllAttacks),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

TEST(CudaTest, AttacksRunFromTheNoiseOfTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  auto net = TrainedToyNet();
  const auto on_cpu = ToyInput(8, .05);
  const AttackInput input{on_cpu.pictures.cuda(), on_cpu.labels.cuda(), on_cpu.epsilon.cuda(),
                          on_cpu.seeds};
  net->to(torch::kCUDA);
  for (const auto& name : kAllAttacks) {
    const auto attacked = RunAttack(ParseAttack(name), ToyLogits(), input);
    EXPECT_TRUE(attacked.is_cuda()) << name;
    EXPECT_LE(Value((attacked - input.pictures).abs().max()), .05 + 1e-6) << name;
  }
  const auto noise = Noise(ToyLogits(), input);
  net->to(torch::kCPU);
  EXPECT_LE(Value((noise.cpu() - Noise(ToyLogits(), on_cpu)).abs().max()), 1e-6);
}

TEST(AttackInputTest, IsCheckedPartByPart) {
  const auto refuse = [](auto change) {
    auto input = ToyInput(4, .05);
    change(input);
    return MessageOf(ErrorKind::kInvalid, [&] { CheckAttackInput(input); });
  };
  CheckAttackInput(ToyInput(4, .05));
  EXPECT_THAT(refuse([](AttackInput& i) { i.pictures = i.pictures[0]; }),
              HasSubstr("(B, C, H, W)"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.labels = torch::Tensor(); }),
              HasSubstr("got an undefined tensor"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.labels = i.labels.to(torch::kInt32); }),
              HasSubstr("labels must be (4) int64; got Int of shape [4]"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.epsilon = i.epsilon.to(torch::kFloat64); }),
              HasSubstr("budgets must be (4) of the pictures' type; got Double"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.epsilon[2] = -.1; }), HasSubstr("negative"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.epsilon[2] = std::nan(""); }), HasSubstr("NaN"));
  EXPECT_THAT(refuse([](AttackInput& i) { i.seeds.pop_back(); }), HasSubstr("got 3"));
}

// ---- Strength -------------------------------------------------------------------------------

TEST(StrengthTest, IterationBeatsOneStepBeatsNoise) {
  const auto logits_of = ToyLogits();
  const auto input = ToyInput(200, .06);
  const auto loss_under = [&](const std::string& attack) {
    const auto attacked = RunAttack(ParseAttack(attack), logits_of, input);
    return Mean(CrossEntropyLosses(logits_of(attacked), input.labels));
  };
  const double noise = loss_under("noise"), fgsm = loss_under("fgsm"), pgd = loss_under("pgd");
  EXPECT_GT(pgd, fgsm - 1e-6);
  EXPECT_GT(fgsm, noise + .1);
  EXPECT_GT(Accuracy(logits_of, input.pictures, input.labels), .95);
}

TEST(StrengthTest, ApgdIsAtLeastAsStrongAsPgd) {
  const auto logits_of = ToyLogits();
  for (const double epsilon : {.05, .06, .07}) {
    const auto input = ToyInput(200, epsilon);
    const double pgd = AccuracyUnder("pgd:steps=50", logits_of, input);
    // The net is nearly linear, so both find nearly the same: one sample in a hundred may differ.
    EXPECT_LE(AccuracyUnder("apgd-ce:steps=50", logits_of, input), pgd + .01) << epsilon;
    EXPECT_LE(AccuracyUnder("apgd-dlr:steps=50", logits_of, input), pgd + .01) << epsilon;
    EXPECT_LT(AccuracyUnder("apgd-dlr-t:steps=50", logits_of, input), pgd) << epsilon;
  }
}

TEST(StrengthTest, ConfidenceHidesTheGradientOfCrossEntropyButNotOfTheRatio) {
  const auto confident = [](const torch::Tensor& x) { return ToyLogits()(x) * 1e4; };
  const auto input = ToyInput(100, .06);
  const double clean = Accuracy(confident, input.pictures, input.labels);
  EXPECT_GT(AccuracyUnder("pgd:steps=50", confident, input), clean - .1);
  EXPECT_LT(AccuracyUnder("apgd-dlr-t:steps=50", confident, input), clean - .3);
}

TEST(StrengthTest, WithTheWholeRangeNothingIsLeft) {
  const auto input = ToyInput(64, 1);
  EXPECT_LE(AccuracyUnder("pgd:steps=100", ToyLogits(), input), .25);
  EXPECT_EQ(AccuracyUnder("apgd-ce", ToyLogits(), input), 0);
}

TEST(StrengthTest, FrozenFeaturesMakeAWeakerAttack) {
  const auto input = ToyInput(200, .06);
  const auto logits_of = ToyLogits();
  auto net = TrainedToyNet();
  const auto frozen = [&, features = net->Features(input.pictures)](const torch::Tensor& x) {
    return net->Classify(features, x);
  };
  const auto from_frozen = RunAttack(ParseAttack("pgd"), frozen, input);
  const double clean = Accuracy(logits_of, input.pictures, input.labels);
  const double weak = Accuracy(logits_of, from_frozen, input.labels);
  const double strong = AccuracyUnder("pgd", logits_of, input);
  EXPECT_LE(strong, weak);
  EXPECT_LE(weak, clean);
  EXPECT_LT(strong, clean - .1);
}

// A classifier that sees rounded pictures: attackable, but without a gradient.
torch::Tensor RoundedLogits(const torch::Tensor& x) {
  return ToyLogits()(torch::round(x * 40) / 40);
}

TEST(StrengthTest, RoundingHidesTheGradientFromPgdButNotFromSquare) {
  const auto input = ToyInput(100, .1);
  const double clean = Accuracy(RoundedLogits, input.pictures, input.labels);
  EXPECT_GT(clean, .9);
  EXPECT_EQ(AccuracyUnder("fgsm", RoundedLogits, input), clean);
  EXPECT_GT(AccuracyUnder("pgd", RoundedLogits, input), clean - .1);
  EXPECT_LT(AccuracyUnder("square:queries=300", RoundedLogits, input), clean - .3);
}

TEST(StrengthTest, SquareNeedsNoGradientAndMoreQueriesHelp) {
  const auto input = ToyInput(100, .06);
  const auto forward_only = [](const torch::Tensor& x) {
    EXPECT_FALSE(torch::GradMode::is_enabled() || x.requires_grad());
    return ToyLogits()(x);
  };
  const double few = AccuracyUnder("square:queries=10", forward_only, input);
  const double many = AccuracyUnder("square:queries=300", forward_only, input);
  const double noise = AccuracyUnder("noise", forward_only, input);
  EXPECT_LE(few, noise);
  EXPECT_LT(many, few);
}

TEST(ZeroGradientFractionTest, FindsWhatGradientAttacksCannotSee) {
  const auto input = ToyInput(20, .06);
  EXPECT_EQ(ZeroGradientFraction(ToyLogits(), input), 0);
  EXPECT_EQ(ZeroGradientFraction(RoundedLogits, input), 1);
  const auto detached = [](const torch::Tensor& x) { return ToyLogits()(x).detach(); };
  EXPECT_EQ(ZeroGradientFraction(detached, input), 1);
  // Logits so large that the softmax saturates, for a quarter of the samples.
  const auto saturated = [](const torch::Tensor& x) {
    const auto factors = torch::where(torch::arange(20) < 5, 1e6, 1.);
    return ToyLogits()(x) * factors.to(x.scalar_type()).unsqueeze(1);
  };
  EXPECT_NEAR(ZeroGradientFraction(saturated, input), .25, 1e-9);
}

// The names of what a classifier fails, in two batches.
std::vector<std::string> FailedChecks(const LogitsOf& logits_of) {
  SanityOptions options;
  options.queries = 300;
  SanityPanel panel(options);
  for (const std::uint64_t seed : {1, 2}) panel.Add(logits_of, ToyInput(60, .06, seed));
  std::vector<std::string> failed;
  for (const SanityCheck& check : panel.Finish()) {
    EXPECT_FALSE(check.expected.empty() || check.seen.empty()) << check.name;
    if (!check.passed) failed.push_back(check.name);
  }
  return failed;
}

TEST(SanityPanelTest, PassesAClassifierThatHidesNothing) {
  EXPECT_THAT(FailedChecks(ToyLogits()), testing::IsEmpty());
}

TEST(SanityPanelTest, FailsOneWhoseGradientIsRoundedAway) {
  EXPECT_THAT(FailedChecks(RoundedLogits),
              testing::IsSupersetOf({"gradients are there", "knowing the gradient helps",
                                     "an unlimited attack succeeds"}));
}

TEST(SanityPanelTest, FailsOneThatSaturates) {
  const auto saturated = [](const torch::Tensor& x) { return ToyLogits()(x) * 1e6; };
  EXPECT_THAT(FailedChecks(saturated), testing::Contains("gradients are there"));
}

TEST(SanityPanelTest, FailsOneThatHasNoGradientOrAnswersAtRandom) {
  const auto detached = [](const torch::Tensor& x) { return ToyLogits()(x).detach(); };
  EXPECT_THAT(FailedChecks(detached), testing::Contains("gradients are there"));
  const auto random = [](const torch::Tensor& x) {
    const auto logits = ToyLogits()(x);
    return logits + .01 * torch::randn_like(logits);
  };
  EXPECT_THAT(FailedChecks(random), testing::ElementsAre("answers are the same twice"));
}

TEST(SanityPanelTest, RefusesToJudgeWithoutPictures) {
  EXPECT_THROW(SanityPanel(SanityOptions{}).Finish(), Error);
  EXPECT_THROW(SanityPanel(SanityOptions{0, 1}), Error);
}

TEST(GradientAtTest, RefusesAClassifierWithoutGradient) {
  const auto detached = [](const torch::Tensor& x) { return Linear(x).detach(); };
  const auto constant = [](const torch::Tensor& x) {
    return torch::ones({x.size(0), 2}, torch::kFloat64).requires_grad_(true);
  };
  for (const LogitsOf& logits_of : {LogitsOf(detached), LogitsOf(constant)}) {
    EXPECT_THAT(MessageOf(ErrorKind::kUnsupported, [&] { Fgsm(logits_of, LinearInput()); }),
                HasSubstr("use the attack 'square'"));
  }
}

TEST(GradientAtTest, AcceptsTheGradientOfAMean) {
  // Its gradient is one value seen many times, which nothing may write into.
  const auto mean = [](const torch::Tensor& x) {
    const auto value = x.flatten(1).mean(1);
    return torch::stack({value, -value}, 1);
  };
  ExpectRow(Fgsm(mean, LinearInput()), {.4, .4, .4});
  ExpectRow(Pgd(mean, LinearInput(), CrossEntropyFromPictures(4, 0)), {.4, .4, .4});
}

// ---- APGD, Square, FGSM in detail -----------------------------------------------------------

TEST(ApgdTest, LooksBackAtThePapersCheckpoints) {
  EXPECT_THAT(ApgdCheckpoints(100), ElementsAre(22, 41, 57, 70, 80, 87, 93, 99));
  EXPECT_THAT(ApgdCheckpoints(10), ElementsAre(3, 5, 6, 7, 8, 9));
  EXPECT_THAT(ApgdCheckpoints(1), ElementsAre());
}

TEST(ApgdTest, ReachesTheOptimumOfALinearNet) {
  for (const int steps : {1, 10}) {
    ApgdOptions options;
    options.steps = steps;
    ExpectRow(Apgd(Linear, LinearInput(), options), {.4, .6, .4});
  }
}

TEST(ApgdTest, HalvesTheStepUntilANarrowPeakIsFound) {
  // The loss is highest at 0.53, over which a step of twice the budget jumps for ever.
  const auto peak = [](const torch::Tensor& x) {
    const auto distance = (x.flatten(1) - .53).abs().sum(1);
    return torch::stack({distance, -distance}, 1);
  };
  ApgdOptions options;
  options.steps = 100;
  const auto attacked = Apgd(peak, LinearInput(), options);
  EXPECT_LT(Value((attacked - .53).abs().max()), 2e-3);
  auto pgd = CrossEntropyFromPictures(100, .2);
  EXPECT_GT(Value((Pgd(peak, LinearInput(), pgd) - .53).abs().max()), .05);
}

TEST(ApgdTest, TargetsEachOtherClassOnce) {
  const auto input = ToyInput(4, 0);  // Nobody can be fooled, so no run is left out.
  int passes = 0;
  const auto counted = [&](const torch::Tensor& x) {
    ++passes;
    return ToyLogits()(x);
  };
  ApgdOptions options;
  options.loss = ApgdOptions::Loss::kTargetedDlr;
  options.steps = 5;
  Apgd(counted, input, options);
  EXPECT_EQ(passes, 1 + 3 * (5 + 1));
}

TEST(ApgdTest, LeavesRunsOutWhenAllAreFooled) {
  const auto input = ToyInput(4, 1);
  int passes = 0;
  const auto counted = [&](const torch::Tensor& x) {
    ++passes;
    return ToyLogits()(x);
  };
  ApgdOptions options;
  options.restarts = 50;
  options.steps = 20;
  const auto attacked = Apgd(counted, input, options);
  EXPECT_EQ(Accuracy(ToyLogits(), attacked, input.labels), 0);
  EXPECT_LE(passes, 2 * 21);
}

TEST(ApgdTest, SaysHowManyClassesALossNeeds) {
  const auto three = [](const torch::Tensor& x) { return x.flatten(1); };
  EXPECT_THAT(MessageOf(ErrorKind::kUnsupported,
                        [&] { RunAttack(ParseAttack("apgd-dlr-t"), three, LinearInput()); }),
              HasSubstr("needs 4 classes; the classifier has 3"));
  EXPECT_THAT(MessageOf(ErrorKind::kUnsupported,
                        [&] { RunAttack(ParseAttack("apgd-dlr"), Linear, LinearInput()); }),
              HasSubstr("needs 3 classes; the classifier has 2"));
  RunAttack(ParseAttack("apgd-dlr:steps=3"), three, LinearInput());
}

TEST(SquareTest, SidesShrinkByThePapersSchedule) {
  // Of 10000 queries on 100 x 100 pixels: sqrt(0.8 * 10^4 / 2^n).
  EXPECT_EQ(SquareSide(0, 10000, 100, 100), 89);
  EXPECT_EQ(SquareSide(10, 10000, 100, 100), 89);
  EXPECT_EQ(SquareSide(11, 10000, 100, 100), 63);
  EXPECT_EQ(SquareSide(51, 10000, 100, 100), 45);
  EXPECT_EQ(SquareSide(8001, 10000, 100, 100), 4);
  EXPECT_EQ(SquareSide(801, 1000, 100, 100), 4);  // Stretched to fewer queries.
  EXPECT_EQ(SquareSide(0, 100, 20, 500), 20);     // Never higher than the picture.
  EXPECT_EQ(SquareSide(99, 100, 3, 3), 1);
}

TEST(SquareTest, AsksNoMoreThanItsQueriesAndStopsWhenAllAreFooled) {
  int queries = 0;
  const auto robust = [&](const torch::Tensor& x) {
    ++queries;
    return torch::tensor({{1., 0., 0., 0.}}).expand({x.size(0), 4});
  };
  auto input = ToyInput(4, .1);
  input.labels.zero_();
  Square(robust, input, {25});
  EXPECT_EQ(queries, 25);
  queries = 0;
  input.labels.fill_(1);
  Square(robust, input, {25});
  EXPECT_EQ(queries, 1);
}

TEST(SquareTest, FindsTheOptimumOfALinearNet) {
  ExpectRow(Square(Linear, Rows(Doubles({.9, .1, .9}), .1), {50}), {.8, .2, .8});
}

TEST(FgsmTest, StepsTheWholeBudgetOnce) {
  ExpectRow(Fgsm(Linear, LinearInput()), {.4, .6, .4});
  FgsmOptions options;
  options.random_start = true;
  int passes = 0;
  const auto counted = [&](const torch::Tensor& x) {
    ++passes;
    EXPECT_GT(Value((x - .5).abs().max()), 0);
    return Linear(x);
  };
  const auto attacked = Fgsm(counted, LinearInput(), options);
  EXPECT_EQ(passes, 1);
  EXPECT_GT(Value(MarginLosses(Linear(attacked), Labels({0}))), .5);
}

TEST(NoiseTest, CornersLieOnTheBounds) {
  const auto input = Rows(torch::full({50, 3}, .5, torch::kFloat64), .1);
  NoiseOptions options;
  options.kind = NoiseOptions::Kind::kCorners;
  const auto change = Noise(Linear, input, options) - input.pictures;
  EXPECT_NEAR(Value(change.abs().min()), .1, 1e-12);
  EXPECT_NEAR(Mean(change), 0, .03);
}

TEST(NoiseTest, SeveralTrialsKeepTheWorst) {
  const auto input = Rows(torch::full({50, 3}, .5, torch::kFloat64), .1);
  NoiseOptions options;
  const auto once = MarginLosses(Linear(Noise(Linear, input, options)), input.labels);
  options.trials = 30;
  const auto often = MarginLosses(Linear(Noise(Linear, input, options)), input.labels);
  EXPECT_TRUE((often >= once).all().item<bool>());
}

TEST(StrongestTest, KeepsTheHighestMarginUntilItIsSettled) {
  Strongest strongest(Labels({0, 0}));
  const auto offer = [&](double picture, std::vector<double> margins) {
    const auto m = Doubles(margins);
    strongest.Offer(torch::full({2, 1, 1, 1}, picture), torch::stack({torch::zeros(2), m}, 1));
  };
  offer(1, {-2, -1});
  offer(2, {-1, -2});
  ExpectRow(strongest.pictures(), {2, 1});
  EXPECT_FALSE(strongest.Settle());
  offer(3, {1, -3});
  offer(4, {2, -3});
  ExpectRow(strongest.pictures(), {4, 1});
  EXPECT_FALSE(strongest.Settle());
  offer(5, {3, 1});
  ExpectRow(strongest.pictures(), {4, 5});
  EXPECT_TRUE(strongest.Settle());
}

// ---- Names ----------------------------------------------------------------------------------

TEST(UntilFooledTest, AsksNothingMoreAboutSamplesThatAreFooled) {
  std::vector<std::int64_t> asked;
  UntilFooled open(
      [&](const torch::Tensor& x) {
        asked.push_back(x.size(0));
        return Linear(x);
      },
      Labels({0, 0, 0}));
  // w.x of each picture: the sample is right where it is positive.
  const auto pictures = [](std::vector<double> products) {
    return torch::stack({Doubles(std::move(products)), torch::zeros(3, torch::kFloat64),
                         torch::zeros(3, torch::kFloat64)},
                        1)
        .view({3, 1, 1, 3});
  };
  const auto first = pictures({.5, -.25, .75});
  ExpectRow(open.Logits(first).select(1, 0), {.5, -.25, .75});

  // The second sample is fooled: it keeps its logits, and they have no gradient.
  auto x = pictures({-.125, .5, .25}).requires_grad_(true);
  const auto logits = open.Logits(x);
  ExpectRow(logits.select(1, 0), {-.125, -.25, .25});
  const auto gradient = torch::autograd::grad({logits.select(1, 0).sum()}, {x})[0];
  ExpectRow(gradient, {1, -2, .5, 0, 0, 0, 1, -2, .5});
  ExpectRow(open.Logits(pictures({.5, .5, -.5})).select(1, 0), {-.125, -.25, -.5});
  EXPECT_THAT(asked, ElementsAre(3, 2, 1));

  // All are fooled: nothing is asked, and attacks may go on.
  x = pictures({.5, .5, .5}).requires_grad_(true);
  const auto last = open.Logits(x);
  EXPECT_EQ(Value(torch::autograd::grad({last.sum()}, {x})[0].abs().sum()), 0);
  EXPECT_EQ(asked.size(), 3u);
  ExpectRow(open.Result(first).flatten(1).select(1, 0), {-.125, -.25, -.5});
}

TEST(UntilFooledTest, KeepsWhatTheAttackMadeOfTheOthers) {
  UntilFooled open(Linear, Labels({0, 0}));
  const auto attacked = torch::rand({2, 1, 1, 3}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(open.Result(attacked), attacked)) << "nothing was asked";
  open.Logits(torch::stack({Doubles({1, 0, 0}), Doubles({0, 1, 0})}).view({2, 1, 1, 3}));
  EXPECT_TRUE(torch::equal(open.Result(attacked)[0], attacked[0]));
  ExpectRow(open.Result(attacked)[1], {0, 1, 0});
}

TEST(UntilFooledTest, RefusesAnAttackThatHoldsFeatures) {
  EXPECT_THAT(
      MessageOf(
          ErrorKind::kUnsupported,
          [] {
            RunUntilFooled(ParseAttack("pgd:scope=image"), {ToyLogits(), {}, {}}, ToyInput(2, .1));
          }),
      HasSubstr("held features"));
}

TEST(ParseAttackTest, ReadsNamesOptionsAndDefaults) {
  const auto plain = ParseAttack("pgd");
  EXPECT_EQ(plain.name, "pgd");
  EXPECT_EQ(plain.steps, 20);
  EXPECT_EQ(plain.restarts, 1);
  EXPECT_EQ(plain.loss, PgdOptions::Loss::kCrossEntropy);
  EXPECT_EQ(plain.start, PgdOptions::Start::kUniform);
  const auto pgd = ParseAttack("pgd:steps=100,restarts=5,loss=kl,start=gaussian");
  EXPECT_EQ(pgd.steps, 100);
  EXPECT_EQ(pgd.restarts, 5);
  EXPECT_EQ(pgd.loss, PgdOptions::Loss::kKl);
  EXPECT_EQ(pgd.start, PgdOptions::Start::kGaussian);
  EXPECT_EQ(ParseAttack("apgd-dlr-t").steps, 100);
  EXPECT_EQ(ParseAttack("square:queries=7").queries, 7);
  EXPECT_EQ(ParseAttack("fgsm").start, PgdOptions::Start::kPictures);
  EXPECT_EQ(ParseAttack("noise:kind=corners").kind, NoiseOptions::Kind::kCorners);
}

TEST(ParseAttackTest, EveryNameParsesAndRuns) {
  const auto input = ToyInput(2, .01);
  for (const auto& name : AttackNames()) {
    auto spec = ParseAttack(name);
    spec.steps = 2;
    spec.queries = 2;
    EXPECT_EQ(RunAttack(spec, ToyLogits(), input).sizes(), input.pictures.sizes()) << name;
  }
}

TEST(ParseAttackTest, SaysWhatThereIs) {
  const auto refuse = [](const std::string& text) {
    return MessageOf(ErrorKind::kInvalid, [&] { ParseAttack(text); });
  };
  EXPECT_THAT(refuse("pdg"), HasSubstr("unknown attack 'pdg'; choose one of noise, fgsm, pgd"));
  EXPECT_THAT(refuse(""), HasSubstr("unknown attack ''"));
  EXPECT_THAT(refuse("pgd:queries=5"), HasSubstr("'queries'; choose one of steps, restarts, loss"));
  EXPECT_THAT(refuse("pgd:steps"), HasSubstr("expected steps=VALUE"));
  for (const std::string bad : {"0", "-3", "ten", "5x", "", "99999999999"}) {
    EXPECT_THAT(refuse("pgd:steps=" + bad),
                AllOf(HasSubstr("from 1 to 1000000"), HasSubstr("'steps'")));
  }
  EXPECT_THAT(refuse("pgd:loss=mse"), HasSubstr("choose one of ce, kl"));
  EXPECT_THAT(refuse("fgsm:start=gaussian"), HasSubstr("choose one of pictures, uniform"));
  EXPECT_THAT(MessageOf(ErrorKind::kInvalid, [] { RunAttack({"cw"}, Linear, LinearInput()); }),
              HasSubstr("unknown attack 'cw'"));
}

}  // namespace
}  // namespace hepar
