// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/gradient_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/graph/graph_builder.h"
#include "models/nets/tensor_values.h"
#include "tests/support/graph_interpreter.h"
#include "tests/support/random_net.h"

namespace hepar::cpu {
namespace {

using ::testing::HasSubstr;

torch::Tensor Random(std::vector<int64_t> shape, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return torch::rand(shape, generator, torch::kFloat64);
}

std::vector<float> RandomValues(std::size_t count, std::uint64_t seed, double scale = 1.0) {
  return ValuesOf(
      ((Random({static_cast<int64_t>(count)}, seed) - 0.5) * 2 * scale).to(torch::kFloat32));
}

// The gradient by the picture of the sum of `seed` times the logits.
torch::Tensor GradientOf(const GradientPlan& plan, const Shape& picture, const torch::Tensor& x,
                         const GradientPlan::Gradients& given,
                         const std::function<void(float* frame)>& fill = {}) {
  const auto workspace = plan.MakeWorkspace();
  std::vector<float> frame(plan.frame().count, NAN);
  const auto values = ValuesOf(x.to(torch::kFloat32));
  std::copy(values.begin(), values.end(), frame.begin() + plan.frame().picture);
  if (fill) fill(frame.data());
  plan.Forward(workspace.get(), frame.data());
  auto gradient = torch::full({1, picture.channels, picture.height, picture.width}, NAN);
  plan.Backward(workspace.get(), frame.data(), given, gradient.data_ptr<float>());
  return gradient.to(torch::kFloat64);
}

double RelativeError(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

Convolution MakeConvolution(int in, int out, int kernel, int stride = 1, int padding = -1,
                            int groups = 1, Activation activation = Activation::kNone,
                            int dilation = 1) {
  Convolution op;
  op.kernel_height = op.kernel_width = kernel;
  op.stride = stride;
  op.dilation = dilation;
  op.padding = padding < 0 ? dilation * (kernel / 2) : padding;
  op.groups = groups;
  op.weight = RandomValues(static_cast<std::size_t>(out) * (in / groups) * kernel * kernel,
                           static_cast<std::uint64_t>(in * 131 + out * 17 + kernel),
                           1.0 / std::sqrt(static_cast<double>(in) / groups * kernel * kernel));
  op.bias = RandomValues(out, 5, 0.1);
  op.activation = activation;
  return op;
}

// A graph around what `append` appends to a map of `channels` channels; its result becomes four
// logits that depend on each of its numbers. Smooth where the operator is, so that differences of
// the logits give the gradient.
struct OperatorCase {
  std::string name;
  int channels;
  std::function<int(GraphBuilder*, int x)> append;
};

Graph Around(const OperatorCase& test, int height, int width) {
  GraphBuilder builder({1, height, width});
  Graph& results = builder.graph();
  const int x = builder.Append("in", MakeConvolution(1, test.channels, 3), 0);
  const int y = test.append(&builder, x);
  const Shape shape = builder.shape(y);
  Convolution head;
  head.kernel_height = shape.height;
  head.kernel_width = shape.width;
  head.weight =
      RandomValues(4 * shape.count(), 77, 1.0 / std::sqrt(static_cast<double>(shape.count())));
  head.bias.assign(4, 0.f);
  results.logits = builder.Append("head", head, y);
  return builder.Finish();
}

PixelAttention MakeAttention(int channels, int heads) {
  PixelAttention op;
  op.heads = heads;
  op.norm_weight = RandomValues(channels, 1);
  op.norm_bias = RandomValues(channels, 2);
  op.qkv_weight = RandomValues(3 * channels * channels, 3, 0.7);
  op.qkv_bias = RandomValues(3 * channels, 4);
  op.proj_weight = RandomValues(channels * channels, 5);
  op.proj_bias = RandomValues(channels, 6);
  return op;
}

std::vector<OperatorCase> OperatorCases() {
  std::vector<OperatorCase> cases;
  const auto convolution = [&](const std::string& name, int in, const Convolution& op) {
    cases.push_back({name, in, [op](GraphBuilder* b, int x) { return b->Append("op", op, x); }});
  };
  convolution("winograd", 20, MakeConvolution(20, 24, 3));
  convolution("dilated", 16, MakeConvolution(16, 12, 3, 1, -1, 1, Activation::kNone, 2));
  convolution("pointwise", 20, MakeConvolution(20, 36, 1));
  convolution("to planar", 20, MakeConvolution(20, 2, 1));
  convolution("from planar", 2, MakeConvolution(2, 20, 5));
  convolution("from planar, stride 2", 3, MakeConvolution(3, 20, 3, 2, 0));
  convolution("depthwise", 20, MakeConvolution(20, 20, 3, 1, -1, 20));
  convolution("stride 2", 20, MakeConvolution(20, 24, 3, 2));
  convolution("1x1, stride 2", 20, MakeConvolution(20, 24, 1, 2, 0));
  convolution("7x7, stride 2", 20, MakeConvolution(20, 24, 7, 2));
  convolution("planar to planar", 2, MakeConvolution(2, 1, 7));
  convolution("relu", 20, MakeConvolution(20, 24, 3, 1, -1, 1, Activation::kRelu));
  convolution("sigmoid", 20, MakeConvolution(20, 24, 1, 1, -1, 1, Activation::kSigmoid));
  for (const Residual residual : {Residual::kBeforeActivation, Residual::kAfterActivation}) {
    Convolution op = MakeConvolution(20, 20, 3, 1, -1, 1, Activation::kRelu);
    op.residual = residual;
    cases.push_back(
        {"residual", 20, [op](GraphBuilder* b, int x) { return b->Append("op", op, x, x); }});
  }
  const auto pool = [&](const std::string& name, const MaxPool& op, Activation activation) {
    cases.push_back({name, 20, [op, activation](GraphBuilder* b, int x) {
                       x = b->Append("before", MakeConvolution(20, 20, 1, 1, -1, 1, activation), x);
                       return b->Append("op", op, x);
                     }});
  };
  pool("max pool 2", {2, 2, 0, true}, Activation::kNone);
  pool("max pool 2 behind relu", {2, 2, 0, true}, Activation::kRelu);
  pool("max pool 2, floor", {2, 2, 0, false}, Activation::kNone);
  pool("max pool 3, stride 2", {3, 2, 0, true}, Activation::kRelu);
  pool("max pool 3, stride 2, padding 1", {3, 2, 1, false}, Activation::kNone);
  using Adaptive = AdaptivePool::Kind;
  cases.push_back({"mean", 20, [](GraphBuilder* b, int x) {
                     return b->Append("op", AdaptivePool{Adaptive::kMean}, x, 1, 1);
                   }});
  cases.push_back({"means of windows", 20, [](GraphBuilder* b, int x) {
                     return b->Append("op", AdaptivePool{Adaptive::kMean}, x, 4, 3);
                   }});
  cases.push_back({"planar means", 3, [](GraphBuilder* b, int x) {
                     return b->Append("op", AdaptivePool{Adaptive::kMean}, x, 2, 1);
                   }});
  cases.push_back({"maximum", 20, [](GraphBuilder* b, int x) {
                     return b->Append("op", AdaptivePool{Adaptive::kMax}, x, 1, 1);
                   }});
  cases.push_back({"upsample", 20,
                   [](GraphBuilder* b, int x) { return b->Append("op", Upsample{}, x, 26, 31); }});
  cases.push_back({"planar upsample", 1, [](GraphBuilder* b, int x) {
                     return b->Append("op", Upsample{Activation::kSigmoid}, x, 26, 22);
                   }});
  cases.push_back({"attention", 20, [](GraphBuilder* b, int x) {
                     return b->Append("op", MakeAttention(20, 4), x);
                   }});
  cases.push_back({"attention, other width", 21, [](GraphBuilder* b, int x) {
                     return b->Append("op", MakeAttention(21, 3), x);
                   }});
  cases.push_back({"concat", 20, [](GraphBuilder* b, int x) {
                     const int y = b->Append("y", MakeConvolution(20, 12, 3), x);
                     const int z = b->Append("z", MakeConvolution(12, 9, 1), y);
                     const int joined = b->Append("op", Concat{}, {x, y, z});
                     return b->Append("after", MakeConvolution(41, 20, 3), joined);
                   }});
  cases.push_back({"concat behind relu", 20, [](GraphBuilder* b, int x) {
                     constexpr auto kRelu = Activation::kRelu;
                     const int y = b->Append("y", MakeConvolution(20, 12, 3, 1, -1, 1, kRelu), x);
                     const int z = b->Append("z", MakeConvolution(20, 16, 1, 1, -1, 1, kRelu), x);
                     const int joined = b->Append("op", Concat{}, {y, z});
                     const int after = b->Append("after", MakeConvolution(28, 12, 1), joined);
                     return b->Append("sum", Add{kRelu}, after, y);
                   }});
  cases.push_back({"multiply by channel", 20, [](GraphBuilder* b, int x) {
                     const int means = b->Append("means", AdaptivePool{Adaptive::kMean}, x, 1, 1);
                     return b->Append("op", Multiply{}, x, means);
                   }});
  cases.push_back({"multiply by pixel", 20, [](GraphBuilder* b, int x) {
                     const int mean =
                         b->Append("mean", ChannelReduce{ChannelReduce::Kind::kMean}, x);
                     return b->Append("op", Multiply{}, x, mean);
                   }});
  cases.push_back({"maximum of channels", 20, [](GraphBuilder* b, int x) {
                     return b->Append("op", ChannelReduce{ChannelReduce::Kind::kMax}, x);
                   }});
  cases.push_back(
      {"scale", 3, [](GraphBuilder* b, int x) {
         const int y = b->Append("op", ScaleShift{{2.f, 3.f, 4.f}, {1.f, 0.f, 1.f}, {}}, x);
         return b->Append("after", MakeConvolution(3, 20, 3), y);
       }});
  return cases;
}

std::vector<const Kernels*> Fp32Kernels() {
  std::vector<const Kernels*> all = {&PortableKernels()};
  if (&BestKernels() != all[0]) all.push_back(&BestKernels());
  return all;
}

// d/dt of the logits times `seed` at x + t direction, by central differences in double precision.
double SlopeOf(const Graph& graph, const torch::Tensor& x, const torch::Tensor& direction,
               const torch::Tensor& seed) {
  constexpr double kStep = 1e-6;
  const auto at = [&](double t) {
    const auto logits = testing::Interpret(graph, x + t * direction)[graph.logits].flatten();
    return logits.dot(seed).item<double>();
  };
  return (at(kStep) - at(-kStep)) / (2 * kStep);
}

TEST(GradientPlanTest, EachAdjointGivesTheSlopeOfDifferences) {
  for (const OperatorCase& test : OperatorCases()) {
    for (const auto& [height, width] : {std::pair{13, 11}, std::pair{16, 21}}) {
      const Graph graph = Around(test, height, width);
      const auto x = Random({1, 1, height, width}, 3);
      const auto seed = torch::tensor({1.0, -2.0, 0.5, 3.0}, torch::kFloat64);
      const auto seed_values = ValuesOf(seed.to(torch::kFloat32));
      for (const Kernels* kernels : Fp32Kernels()) {
        SCOPED_TRACE(test.name + ", " + std::to_string(height) + " x " + std::to_string(width) +
                     ", " + kernels->name);
        const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kEndToEnd), *kernels);
        const auto gradient = GradientOf(plan, graph.values[0], x, {seed_values.data()});
        double errors = 0, slopes = 0;
        for (std::uint64_t i = 0; i < 8; ++i) {
          const auto direction = Random({1, 1, height, width}, 100 + i) - 0.5;
          const double slope = SlopeOf(graph, x, direction, seed);
          const double got = (gradient * direction).sum().item<double>();
          errors += (got - slope) * (got - slope);
          slopes += slope * slope;
        }
        EXPECT_LT(std::sqrt(errors / slopes), 2e-5);
      }
    }
  }
}

const torch::Tensor& Seed() {
  static const auto seed = torch::tensor({1.0, -2.0, 0.5, 3.0}, torch::kFloat64);
  return seed;
}
const std::vector<float>& SeedValues() {
  static const auto values = ValuesOf(Seed().to(torch::kFloat32));
  return values;
}

torch::Tensor RandomPicture(int channels, int height, int width, std::uint64_t seed) {
  return Random({1, channels, height, width}, seed).to(torch::kFloat32).to(torch::kFloat64);
}

// A net whose weights hold still, in double precision.
SeverityNet InDouble(SeverityNet net) {
  for (auto& parameter : net->parameters()) parameter.set_requires_grad(false);
  net->to(torch::kFloat64);
  return net;
}

// Autograd's gradient of the logits times the seed.
torch::Tensor AutogradOf(SeverityNet net, const torch::Tensor& x) {
  const auto picture = x.detach().clone().requires_grad_(true);
  return torch::autograd::grad({(net->forward(picture)[0] * Seed()).sum()}, {picture})[0];
}

// Rounding may move the input of a unit across the kink of its ReLU, or make another pixel the
// maximum of a window; the derivative of that unit then differs by more than rounding. So most
// pictures are held to the accuracy of the arithmetic, and the others to a share of such units.
void ExpectAutogradsGradient(const Architecture& architecture, int channels, int height, int width,
                             const Kernels& kernels = BestKernels()) {
  SCOPED_TRACE(architecture.size + " " + architecture.classifier + " " + std::to_string(height) +
               " x " + std::to_string(width) + " " + kernels.name);
  constexpr int kPictures = 5;
  SeverityNet net = testing::RandomNet(architecture);
  const Graph graph = net->Lower(channels, height, width);
  InDouble(net);
  const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kEndToEnd), kernels);
  std::vector<double> errors;
  for (int i = 0; i < kPictures; ++i) {
    const auto x = RandomPicture(channels, height, width, 7 + i);
    errors.push_back(RelativeError(GradientOf(plan, graph.values[0], x, {SeedValues().data()}),
                                   AutogradOf(net, x)));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[kPictures / 2], 1e-5);
  EXPECT_LT(errors.back(), 0.1);
}

TEST(GradientPlanTest, EveryClassifierThatLowersGivesAutogradsGradient) {
  for (const char* classifier :
       {"squeezenet1_1", "squeezenet1_0", "depth_squeezenet", "resnet18", "resnet50", "se_resnet18",
        "se_resnet50", "cbam_resnet18", "cbam_resnet50"}) {
    ExpectAutogradsGradient(testing::ArchitectureOf("nano", classifier), 1, 65, 65);
  }
  Architecture with_relu = testing::ArchitectureOf("nano", "squeezenet1_1");
  with_relu.final_relu = true;
  ExpectAutogradsGradient(with_relu, 1, 64, 64);
}

TEST(GradientPlanTest, SizesPlanesAndDecouplersGiveAutogradsGradient) {
  ExpectAutogradsGradient(testing::ArchitectureOf("live", "squeezenet1_1"), 1, 97, 75);
  ExpectAutogradsGradient(testing::ArchitectureOf("nano", "squeezenet1_1"), 1, 71, 53,
                          PortableKernels());
  Architecture color = testing::ArchitectureOf("nano", "squeezenet1_1");
  color.planes = ColorPlanes::kRgb;
  color.feature_channels = 2;
  ExpectAutogradsGradient(color, 3, 64, 80);
  color.planes = ColorPlanes::kY;
  ExpectAutogradsGradient(color, 3, 64, 64);
  for (const DecouplerSet decouplers :
       {DecouplerSet::kNone, DecouplerSet::kSpecific, DecouplerSet::kCommon}) {
    Architecture part = testing::ArchitectureOf("nano", "squeezenet1_1");
    part.decouplers = decouplers;
    ExpectAutogradsGradient(part, 1, 64, 64);
  }
}

TEST(GradientPlanTest, HeldFeaturesStayAsTheyAre) {
  SeverityNet net = testing::RandomNet(testing::ArchitectureOf("nano", "squeezenet1_1"));
  const Graph graph = net->Lower(1, 65, 63);
  InDouble(net);
  const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kHeldFeatures));
  const Decoupled clean = net->Decouple(RandomPicture(1, 65, 63, 5));
  const auto x = RandomPicture(1, 65, 63, 6);
  const auto got = GradientOf(plan, graph.values[0], x, {SeedValues().data()}, [&](float* frame) {
    const auto put = [&](const torch::Tensor& feature, std::size_t offset) {
      const auto values = ValuesOf(feature.to(torch::kFloat32));
      std::copy(values.begin(), values.end(), frame + offset);
    };
    put(clean.specific, plan.frame().specific);
    put(clean.common, plan.frame().common);
  });
  const auto picture = x.clone().requires_grad_(true);
  const auto logits =
      net->Classify(SeverityNetImpl::Concatenate(net->WithPlanesOf(picture, clean)));
  const auto expected = torch::autograd::grad({(logits[0] * Seed()).sum()}, {picture})[0];
  EXPECT_LT(RelativeError(got, expected), 1e-5);
}

TEST(GradientPlanTest, GradientsOfFeaturesReachThePicture) {
  SeverityNet net = testing::RandomNet(testing::ArchitectureOf("nano", "squeezenet1_1"));
  const Graph graph = net->Lower(1, 65, 63);
  InDouble(net);
  const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kFeatures));
  const auto by_specific = RandomPicture(1, 65, 63, 8), by_common = RandomPicture(1, 65, 63, 9);
  const auto specific = ValuesOf(by_specific.to(torch::kFloat32)),
             common = ValuesOf(by_common.to(torch::kFloat32));
  const auto x = RandomPicture(1, 65, 63, 6);
  const auto got =
      GradientOf(plan, graph.values[0], x, {SeedValues().data(), specific.data(), common.data()});
  const auto picture = x.clone().requires_grad_(true);
  const Decoupled parts = net->Decouple(picture);
  const auto logits = net->Classify(SeverityNetImpl::Concatenate(parts));
  const auto total = (logits[0] * Seed()).sum() + (parts.specific * by_specific).sum() +
                     (parts.common * by_common).sum();
  EXPECT_LT(RelativeError(got, torch::autograd::grad({total}, {picture})[0]), 1e-5);
}

// The direction is what attacks need of it.
TEST(GradientPlanTest, Bf16GradientsPointTheSameWay) {
  const Kernels* kernels = Bf16Kernels();
  if (kernels == nullptr) GTEST_SKIP() << "this processor has no bf16 kernels";
  for (const char* classifier : {"squeezenet1_1", "depth_squeezenet", "cbam_resnet18"}) {
    SCOPED_TRACE(classifier);
    SeverityNet net = testing::RandomNet(testing::ArchitectureOf("nano", classifier));
    const Graph graph = net->Lower(1, 65, 65);
    InDouble(net);
    const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kEndToEnd), *kernels);
    const auto x = RandomPicture(1, 65, 65, 7);
    const auto got = GradientOf(plan, graph.values[0], x, {SeedValues().data()});
    const auto expected = AutogradOf(net, x);
    EXPECT_GT(((got * expected).sum() / (got.norm() * expected.norm())).item<double>(), 0.9);
  }
}

TEST(GradientPlanTest, AWorkspaceKeepsNothingFromOnePictureToTheNext) {
  SeverityNet net = testing::RandomNet(testing::ArchitectureOf("nano", "squeezenet1_1"));
  const Graph graph = net->Lower(1, 64, 64);
  const GradientPlan plan(MakeGradientGraph(graph, GradientScope::kEndToEnd));
  const auto gradient_of = [&](GradientPlan::Workspace* workspace, std::uint64_t picture) {
    std::vector<float> frame(plan.frame().count), gradient(graph.values[0].count());
    const auto values = ValuesOf(RandomPicture(1, 64, 64, picture).to(torch::kFloat32));
    std::copy(values.begin(), values.end(), frame.begin() + plan.frame().picture);
    plan.Forward(workspace, frame.data());
    plan.Backward(workspace, frame.data(), {SeedValues().data()}, gradient.data());
    return gradient;
  };
  const auto used = plan.MakeWorkspace();
  gradient_of(used.get(), 1);
  const auto second = gradient_of(used.get(), 2);
  EXPECT_EQ(second, gradient_of(plan.MakeWorkspace().get(), 2));
  EXPECT_NE(second, gradient_of(used.get(), 1));
}

TEST(GradientPlanTest, WhatHasNoAdjointIsRefusedByName) {
  GraphBuilder builder({3, 16, 16});
  const int lightness = builder.Append("lightness", Lightness{}, 0);
  builder.graph().logits = builder.Append("logits", AdaptivePool{}, lightness, 1, 1);
  try {
    MakeGradientGraph(builder.Finish(), GradientScope::kEndToEnd);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("lightness"));
  }
}

}  // namespace
}  // namespace hepar::cpu
