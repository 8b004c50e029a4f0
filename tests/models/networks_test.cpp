// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Shapes, parameter counts, operation counts and color transforms against the specification.
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <utility>
#include <vector>

#include "models/error.h"
#include "models/nets/color_space.h"
#include "models/nets/complexity.h"
#include "models/nets/icfdnet.h"
#include "models/nets/picture_tensor.h"
#include "models/nets/severity_net.h"
#include "models/nets/squeezenet.h"
#include "models/nets/weights_import.h"

namespace hepar {
namespace {

Architecture ArchitectureOf(const std::string& size) {
  Architecture architecture;
  architecture.size = size;
  architecture.decoupler = DecouplerShapeOf(size);
  return architecture;
}

torch::Tensor Pixel(double r, double g, double b) {
  return torch::tensor({r, g, b}, torch::kFloat64).view({1, 3, 1, 1});
}

double LumaOf(double r, double g, double b) {
  return SelectPlanes(Pixel(r, g, b), ColorPlanes::kY).item<double>();
}

TEST(ColorSpaceTest, LumaIsBt601) {
  EXPECT_NEAR(LumaOf(1, 0, 0), .299, 1e-12);
  EXPECT_NEAR(LumaOf(0, 1, 0), .587, 1e-12);
  EXPECT_NEAR(LumaOf(0, 0, 1), .114, 1e-12);
  EXPECT_NEAR(LumaOf(.2, .4, .6), .363, 1e-12);
  for (double gray : {0.0, 0.25, 1.0}) EXPECT_NEAR(LumaOf(gray, gray, gray), gray, 1e-12);
}

TEST(ColorSpaceTest, GrayGivesItselfAndNeutralChroma) {
  const auto gray = torch::full({2, 1, 4, 5}, 0.3, torch::kFloat64);
  for (ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kHsvV}) {
    EXPECT_TRUE(torch::equal(SelectPlanes(gray, planes), gray));
  }
  const auto ycbcr = SelectPlanes(gray, ColorPlanes::kYcbcr);
  EXPECT_TRUE(torch::allclose(ycbcr.select(1, 0), gray.select(1, 0)));
  EXPECT_TRUE(
      torch::allclose(ycbcr.narrow(1, 1, 2), torch::full({2, 2, 4, 5}, 0.5, torch::kFloat64)));
}

TEST(ColorSpaceTest, LightnessOfKnownColours) {
  const auto lightness = [](double r, double g, double b) {
    return SelectPlanes(Pixel(r, g, b), ColorPlanes::kLabL).item<double>() * 100;
  };
  EXPECT_NEAR(lightness(0, 0, 0), 0, 1e-9);
  EXPECT_NEAR(lightness(1, 1, 1), 100, 1e-6);
  EXPECT_NEAR(lightness(1, 0, 0), 53.2408, 1e-2);  // sRGB red in CIELAB.
  EXPECT_NEAR(lightness(.5, .5, .5), 53.389, 1e-2);
}

TEST(ColorSpaceTest, GradientsMatchFiniteDifferences) {
  torch::manual_seed(1);
  for (ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kYcbcr, ColorPlanes::kRgb,
                             ColorPlanes::kHsvV, ColorPlanes::kLabL}) {
    SCOPED_TRACE(ToString(planes));
    const auto x = torch::rand({1, 3, 2, 2}, torch::kFloat64).mul(0.8).add(0.1);
    const auto weight = torch::rand({1, PlaneCount(planes), 2, 2}, torch::kFloat64);
    auto leaf = x.clone().set_requires_grad(true);
    const auto gradient =
        torch::autograd::grad({(SelectPlanes(leaf, planes) * weight).sum()}, {leaf})[0];
    constexpr double kStep = 1e-6;
    for (int i = 0; i < x.numel(); ++i) {
      auto up = x.clone(), down = x.clone();
      up.view(-1)[i] += kStep;
      down.view(-1)[i] -= kStep;
      const double expected =
          ((SelectPlanes(up, planes) - SelectPlanes(down, planes)) * weight).sum().item<double>() /
          (2 * kStep);
      EXPECT_NEAR(gradient.view(-1)[i].item<double>(), expected, 1e-6);
    }
  }
}

TEST(ColorSpaceTest, RefusesOtherShapes) {
  EXPECT_THROW(SelectPlanes(torch::rand({1, 2, 4, 4}), ColorPlanes::kY), c10::Error);
  EXPECT_THROW(SelectPlanes(torch::rand({3, 4, 4}), ColorPlanes::kY), c10::Error);
}

struct SizeCounts {
  const char* size;
  int64_t ic1, ic2, system;
};

class NetworkSizes : public ::testing::TestWithParam<SizeCounts> {};

TEST_P(NetworkSizes, HaveTheSpecifiedParameters) {
  SeverityNet net(ArchitectureOf(GetParam().size));
  EXPECT_EQ(CountParameters(*net), GetParam().system);
  if (GetParam().ic1 > 0) {
    EXPECT_EQ(CountParameters(*net->ic1), GetParam().ic1);
    EXPECT_EQ(CountParameters(*net->ic2), GetParam().ic2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, NetworkSizes,
                         ::testing::Values(SizeCounts{"nano", 0, 0, 972083},
                                           SizeCounts{"live", 309253, 308946, 1342747},
                                           SizeCounts{"paper", 4140293, 4139170, 9004011}),
                         [](const auto& info) { return std::string(info.param.size); });

TEST(NetworkCountTest, LiveOperationsAreTheSpecifiedOnes) {
  SeverityNet net(ArchitectureOf("live"));
  net->eval();
  const auto planes = torch::rand({1, 1, 224, 224});
  EXPECT_EQ(CountMacs([&] { net->ic1(planes); }), 343061472);
  EXPECT_EQ(CountMacs([&] { net->ic2(planes); }), 343261856);
  EXPECT_EQ(CountMacs([&] { net->Classify(torch::rand({1, 3, 224, 224})); }), 262970048);
}

// The widths of `live` before they were chosen for the vector width.
TEST(NetworkCountTest, OtherWidthsHaveTheSpecifiedCounts) {
  Architecture architecture = ArchitectureOf("live");
  architecture.size = "custom";
  architecture.decoupler = {{16, 24, 40, 64}, {8, 12, 20, 32}, 2};
  SeverityNet net(architecture);
  net->eval();
  EXPECT_EQ(CountParameters(*net->ic1), 359301);
  EXPECT_EQ(CountParameters(*net->ic2), 358994);
  EXPECT_EQ(CountParameters(*net), 1442843);
  const auto planes = torch::rand({1, 1, 224, 224});
  EXPECT_EQ(CountMacs([&] { net->ic1(planes); }), 409613664);
  EXPECT_EQ(CountMacs([&] { net->ic2(planes); }), 409814048);
}

TEST(NetworkCountTest, SqueezeNetsHaveThePublishedParameters) {
  EXPECT_EQ(CountParameters(SqueezeNet(SqueezeNetVersion::k1_1, 3, 1000, true)), 1235496);
  EXPECT_EQ(CountParameters(SqueezeNet(SqueezeNetVersion::k1_0, 3, 1000, true)), 1248424);
  EXPECT_EQ(CountParameters(SqueezeNet(SqueezeNetVersion::k1_1, 3, 4, false)), 724548);
  EXPECT_EQ(CountParameters(SqueezeNet(SqueezeNetVersion::k1_1, 5, 4, false)), 725700);
  EXPECT_EQ(CountParameters(SqueezeNet(SqueezeNetVersion::k1_1, 9, 4, false)), 728004);
}

TEST(IcBlockTest, InnerStridesBringTheGridTo14) {
  const std::vector<std::pair<int, std::pair<int, int>>> kExpected = {
      {224, {4, 4}}, {112, {4, 2}}, {56, {2, 2}}, {28, {2, 1}}, {14, {2, 1}}};
  for (const auto& [side, strides] : kExpected) {
    IcBlockOptions options;
    ChooseInnerStrides(side, &options);
    EXPECT_EQ(std::make_pair(options.stride1, options.stride2), strides) << side;
  }
}

TEST(NetworkShapeTest, EveryInputSizeRuns) {
  SeverityNet net(ArchitectureOf("live"));
  net->eval();
  torch::NoGradGuard no_grad;
  const std::vector<std::pair<int, int>> kSizes = {{224, 224}, {225, 225}, {160, 160}, {96, 96},
                                                   {64, 64},   {480, 640}, {33, 47}};
  for (const auto& [height, width] : kSizes) {
    SCOPED_TRACE(std::to_string(height) + "x" + std::to_string(width));
    const Decoupled d = net->Decouple(torch::rand({2, 1, height, width}));
    const std::vector<int64_t> map = {2, 1, height, width};
    for (const auto& tensor : {d.specific, d.common, d.reconstruction}) {
      EXPECT_EQ(tensor.sizes().vec(), map);
      EXPECT_GT(tensor.min().item<float>(), 0.f);
      EXPECT_LT(tensor.max().item<float>(), 1.f);
    }
    EXPECT_EQ(d.auxiliary_logits.sizes().vec(), (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(net->Classify(SeverityNetImpl::Concatenate(d)).sizes().vec(),
              (std::vector<int64_t>{2, 4}));
  }
}

TEST(NetworkShapeTest, SkipsPlanesAndFeatureChannelsChangeTheShape) {
  for (DecouplerSkips skips :
       {DecouplerSkips::kAll, DecouplerSkips::kNoTop, DecouplerSkips::kNone}) {
    Architecture a = ArchitectureOf("nano");
    a.ic2_skips = skips;
    a.planes = ColorPlanes::kYcbcr;
    a.feature_channels = 3;
    SeverityNet net(a);
    net->eval();
    torch::NoGradGuard no_grad;
    const Decoupled d = net->Decouple(torch::rand({1, 3, 64, 64}));
    EXPECT_EQ(d.reconstruction.size(1), 3);
    EXPECT_EQ(SeverityNetImpl::Concatenate(d).size(1), 9);
    EXPECT_EQ(net(torch::rand({1, 3, 64, 64})).size(1), 4);
  }
}

TEST(NetworkShapeTest, ConcatenationIsFeat1Feat2ThenPlanes) {
  SeverityNet net(ArchitectureOf("nano"));
  net->eval();
  torch::NoGradGuard no_grad;
  const Decoupled d = net->Decouple(torch::rand({1, 1, 64, 64}));
  const auto x = SeverityNetImpl::Concatenate(d);
  EXPECT_TRUE(torch::equal(x.narrow(1, 0, 1), d.specific));
  EXPECT_TRUE(torch::equal(x.narrow(1, 1, 1), d.common));
  EXPECT_TRUE(torch::equal(x.narrow(1, 2, 1), d.planes));
}

TEST(NetworkShapeTest, AuxiliaryHeadTrainsTheDecoderThatMakesFeat1) {
  SeverityNet net(ArchitectureOf("nano"));
  net->Decouple(torch::rand({2, 1, 64, 64})).auxiliary_logits.sum().backward();
  EXPECT_GT(net->ic1->trunk->d1->h0->conv->weight.grad().abs().sum().item<float>(), 0.f);
}

TEST(SqueezeNetTest, OnlyTheFinalReluForbidsNegativeLogits) {
  torch::manual_seed(3);
  const auto x = torch::randn({8, 3, 64, 64});
  torch::NoGradGuard no_grad;
  SqueezeNet with(SqueezeNetVersion::k1_1, 3, 4, true);
  SqueezeNet without(SqueezeNetVersion::k1_1, 3, 4, false);
  with.eval();
  without.eval();
  EXPECT_GE(with.forward(x).min().item<float>(), 0.f);
  EXPECT_LT(without.forward(x).min().item<float>(), 0.f);
}

TEST(SqueezeNetTest, DeadSamplesAreCounted) {
  const auto logits = torch::tensor({{0.f, 0.f, 0.f}, {0.f, 1.f, 0.f}, {0.f, 0.f, 0.f}});
  EXPECT_EQ(CountDeadSamples(logits), 2);
  EXPECT_EQ(CountDeadSamples(torch::ones({2, 3})), 0);
}

TEST(ClassifierTest, UnknownNameListsTheKnownOnes) {
  Architecture a;
  a.classifier = "resnet99";
  try {
    MakeClassifier(a, 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("squeezenet1_1"), std::string::npos);
  }
}

torch::Tensor RgbRow() { return torch::tensor({.3, .6, .9}).view({1, 3, 1, 1}); }

std::vector<float> Row(const torch::Tensor& weight) {
  const auto flat = weight.flatten().to(torch::kFloat32).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

TEST(FirstLayerTest, RepeatsAndScales) {
  const auto five = Row(AdaptFirstLayer(RgbRow(), 5, FirstLayer::kRepeat, 1));
  const std::vector<float> expected = {.18f, .36f, .54f, .18f, .36f};
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(five[i], expected[i], 1e-6);
  EXPECT_NEAR(Row(AdaptFirstLayer(RgbRow(), 1, FirstLayer::kRepeat, 1))[0], 1.8f, 1e-6);
}

TEST(FirstLayerTest, EqualPlanesKeepTheResponse) {
  const auto weight = torch::rand({4, 3, 3, 3});
  const auto gray = torch::rand({1, 1, 9, 9});
  const auto before = torch::conv2d(gray.expand({1, 3, 9, 9}), weight);
  const auto six = AdaptFirstLayer(weight, 6, FirstLayer::kRepeat, 1);
  EXPECT_TRUE(torch::allclose(torch::conv2d(gray.expand({1, 6, 9, 9}), six), before, 1e-4, 1e-5));
}

TEST(FirstLayerTest, LumaStartsOnThePictureAlone) {
  const auto weight = torch::rand({4, 3, 3, 3});
  const auto gray = torch::rand({1, 1, 9, 9});
  const auto before = torch::conv2d(gray.expand({1, 3, 9, 9}), weight);
  const auto adapted = AdaptFirstLayer(weight, 3, FirstLayer::kLuma, 1);
  const auto input = torch::cat({torch::rand({1, 2, 9, 9}), gray}, 1);
  EXPECT_TRUE(torch::allclose(torch::conv2d(input, adapted), before, 1e-4, 1e-5));
}

TEST(PictureTensorTest, KeepsPixelsOfSubPicturesAndChannelOrder) {
  cv::Mat whole(5, 7, CV_32FC3);
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 7; ++x) whole.at<cv::Vec3f>(y, x) = cv::Vec3f(y, x, 100.f);
  }
  const auto tensor = PictureToTensor(whole(cv::Rect(2, 1, 3, 4)));
  ASSERT_EQ(tensor.sizes().vec(), (std::vector<int64_t>{3, 4, 3}));
  EXPECT_EQ(tensor[0][2][1].item<float>(), 3.f);
  EXPECT_EQ(tensor[1][2][1].item<float>(), 3.f);
  EXPECT_EQ(tensor[2][0][0].item<float>(), 100.f);
}

}  // namespace
}  // namespace hepar
