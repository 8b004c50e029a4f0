// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/utils.h>

#include <cmath>
#include <filesystem>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/classifier.h"
#include "models/nets/severity_net.h"
#include "models/nets/torchscript_classifier.h"
#include "tests/support/random_net.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/export/export_check.h"
#include "training/export/onnx_model.h"
#include "training/export/torchscript_model.h"

namespace hepar {
namespace {

using hepar::testing::ArchitectureOf;
using hepar::testing::RandomNet;

constexpr int kSide = 64;

Architecture Nano(const std::string& classifier = "squeezenet1_1") {
  return ArchitectureOf("nano", classifier);
}

Graph GraphOf(SeverityNet net, int channels, int side) { return net->Lower(channels, side, side); }

struct Case {
  const char* classifier;
  const char* size = "nano";
  ColorPlanes planes = ColorPlanes::kY;
  int channels = 1, side = kSide, features = 1;
  DecouplerSkips skips = DecouplerSkips::kAll;
  DecouplerSet decouplers = DecouplerSet::kBoth;

  // Logits, and two results of each decoupler.
  std::size_t results() const {
    return 1 + (HasSpecific(decouplers) ? 2 : 0) + (HasCommon(decouplers) ? 2 : 0);
  }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.classifier << " " << c.size << " " << ToString(c.planes) << " " << c.side;
}

class ExportTest : public ::testing::TestWithParam<Case> {
 protected:
  SeverityNet Make() const {
    const Case& c = GetParam();
    Architecture a = ArchitectureOf(c.size, c.classifier);
    a.planes = c.planes;
    a.feature_channels = c.features;
    a.ic2_skips = c.skips;
    a.decouplers = c.decouplers;
    return RandomNet(a);
  }
  TempFolder folder_;
};

TEST_P(ExportTest, OnnxGivesWhatTheNetworkGives) {
  SeverityNet net = Make();
  ModelSpec spec;
  spec.architecture = net->architecture;
  const auto path =
      folder_.Write("model.onnx", ToOnnx(GraphOf(net, GetParam().channels, GetParam().side), spec));
  const auto differences = CheckOnnx(path, net, GetParam().channels, GetParam().side);
  EXPECT_EQ(differences.size(), GetParam().results());
  EXPECT_LT(Largest(differences), 1e-4);
}

TEST_P(ExportTest, TorchScriptGivesWhatTheNetworkGives) {
  SeverityNet net = Make();
  const std::string path = folder_ / "model.pt";
  ToTorchScript(GraphOf(net, GetParam().channels, GetParam().side), net).save(path);
  const auto differences = CheckTorchScript(path, net, GetParam().channels, GetParam().side);
  EXPECT_EQ(differences.size(), GetParam().results());
  EXPECT_LT(Largest(differences), 1e-4);
}

const std::vector<Case> kCases = {
    Case{"squeezenet1_1"},
    Case{"squeezenet1_0", "live"},
    Case{"squeezenet1_1", "nano", ColorPlanes::kY, 1, 97},
    Case{"squeezenet1_1", "nano", ColorPlanes::kYcbcr, 3, 64, 2},
    Case{"squeezenet1_1", "nano", ColorPlanes::kHsvV, 3, 64, 1, DecouplerSkips::kNone},
    Case{"depth_squeezenet"},
    Case{"resnet18"},
    Case{"resnet50"},
    Case{"se_resnet18"},
    Case{"se_resnet50"},
    Case{"cbam_resnet18"},
    Case{"cbam_resnet50"},
    Case{"squeezenet1_1", "nano", ColorPlanes::kY, 1, 64, 2, DecouplerSkips::kAll,
         DecouplerSet::kSpecific},
    Case{"squeezenet1_1", "nano", ColorPlanes::kY, 1, 64, 1, DecouplerSkips::kAll,
         DecouplerSet::kNone}};

INSTANTIATE_TEST_SUITE_P(Models, ExportTest, ::testing::ValuesIn(kCases));

// Those that have no lowering; ToTorchScriptTest shows that they are refused.
const std::vector<std::string> kNotExported = {"vit_tiny", "vit_b_16"};

TEST(ExportCasesTest, NoClassifierIsForgotten) {
  std::vector<std::string> tried = kNotExported;
  tried.emplace_back("torchscript");  // Has a test of its own.
  for (const Case& c : kCases) tried.emplace_back(c.classifier);
  EXPECT_THAT(tried, ::testing::IsSupersetOf(ClassifierNames()));
}

class ShippedModelTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedModelTest, IsExportedInBothFormats) {
  const Bundle bundle = LoadBundle(GetParam());
  const PreprocessOptions& input = bundle.spec.preprocess;
  const Graph graph = GraphOf(bundle.net, input.channels, input.size);
  const TempFolder folder;
  const auto onnx = folder.Write("model.onnx", ToOnnx(graph, bundle.spec));
  EXPECT_LT(Largest(CheckOnnx(onnx, bundle.net, input.channels, input.size)), 1e-4);
  const std::string script = folder / "model.pt";
  ToTorchScript(graph, bundle.net).save(script);
  EXPECT_LT(Largest(CheckTorchScript(script, bundle.net, input.channels, input.size)), 1e-4);
}

std::vector<std::string> ShippedModels() {
  std::vector<std::string> models;
  for (const auto& entry : std::filesystem::directory_iterator(PRETRAINED_DIR)) {
    if (entry.path().extension() == ".hepar") models.push_back(entry.path());
  }
  return models;
}

// Without any, the suite has no test, which GoogleTest reports as a failure.
INSTANTIATE_TEST_SUITE_P(Pretrained, ShippedModelTest, ::testing::ValuesIn(ShippedModels()));

// Logits of thousands part by more than logits of ones do, and are no worse for it.
TEST(ExportCheckTest, DifferencesAreRelativeToTheSizeOfTheResult) {
  constexpr double kFactor = 1e5;
  SeverityNet net = RandomNet(Nano());
  {
    const torch::NoGradGuard no_grad;
    for (const auto& item : net->classifier->named_parameters()) {
      if (item.key().rfind("classifier.", 0) == 0) item.value().mul_(kFactor);
    }
  }
  ModelSpec spec;
  spec.architecture = net->architecture;
  const TempFolder folder;
  const auto onnx = folder.Write("model.onnx", ToOnnx(GraphOf(net, 1, kSide), spec));
  const auto differences = CheckOnnx(onnx, net, 1, kSide);
  ASSERT_EQ(differences[0].result, "logits");
  EXPECT_GT(differences[0].absolute, 1e-4);
  EXPECT_LT(differences[0].relative, 1e-5);
  EXPECT_LT(Largest(differences), 1e-4);
}

TEST(ExportCheckTest, WhatIsNoNumberIsTheLargestDifference) {
  const double nan = std::nan("");
  EXPECT_TRUE(std::isnan(Largest({{"logits", nan, nan}, {"common", 0.5, 0.5}})));
  EXPECT_EQ(Largest({{"logits", 2.0, 0.25}, {"common", 0.5, 0.5}}), 0.5);
  EXPECT_EQ(Largest({}), 0.0);
}

TEST(ExportCheckTest, FindsAFileOfOtherWeights) {
  SeverityNet net = RandomNet(Nano());
  ModelSpec spec;
  spec.architecture = net->architecture;
  const TempFolder folder;
  const auto onnx = folder.Write("model.onnx", ToOnnx(GraphOf(net, 1, kSide), spec));
  const std::string script = folder / "model.pt";
  ToTorchScript(GraphOf(net, 1, kSide), net).save(script);
  {
    const torch::NoGradGuard no_grad;
    net->ic1->feature_head->bias.add_(1.0);
  }
  EXPECT_GT(Largest(CheckOnnx(onnx, net, 1, kSide)), 1e-3);
  EXPECT_GT(Largest(CheckTorchScript(script, net, 1, kSide)), 1e-3);
}

TEST(ExportCheckTest, SaysWhenAFileDoesNotRun) {
  SeverityNet net = RandomNet(Nano());
  const TempFolder folder;
  const auto broken = folder.Write("broken", "no model");
  ExpectError(ErrorKind::kFailed, {"broken", "does not run"},
              [&] { CheckOnnx(broken, net, 1, kSide); });
  ExpectError(ErrorKind::kFailed, {"broken", "does not run"},
              [&] { CheckTorchScript(broken, net, 1, kSide); });
}

TEST(ToOnnxTest, RefusesLightness) {
  Architecture a = Nano();
  a.planes = ColorPlanes::kLabL;
  SeverityNet net = RandomNet(a);
  ModelSpec spec;
  spec.architecture = a;
  ExpectError(ErrorKind::kUnsupported, {"lab_l", "TorchScript"},
              [&] { ToOnnx(GraphOf(net, 3, kSide), spec); });

  const TempFolder folder;
  const std::string path = folder / "model.pt";
  ToTorchScript(GraphOf(net, 3, kSide), net).save(path);
  EXPECT_LT(Largest(CheckTorchScript(path, net, 3, kSide)), 1e-4);
}

TEST(ToTorchScriptTest, TakesAUsersClassifierAlong) {
  torch::jit::Module script("Own");
  script.register_parameter("weight", torch::rand({4, 3, 1, 1}), false);
  script.define("def forward(self, x):\n  return torch.conv2d(x, self.weight).mean([2, 3])\n");
  Architecture a = Nano("torchscript");
  a.classifier_script = SerializeTorchScript(script);
  SeverityNet net = RandomNet(a);
  const TempFolder folder;
  const std::string path = folder / "model.pt";
  ToTorchScript(GraphOf(net, 1, kSide), net).save(path);
  EXPECT_LT(Largest(CheckTorchScript(path, net, 1, kSide)), 1e-5);

  ModelSpec spec;
  spec.architecture = a;
  ExpectError(ErrorKind::kUnsupported, {"torchscript", "lowering"},
              [&] { ToOnnx(GraphOf(net, 1, kSide), spec); });
}

TEST(ToTorchScriptTest, RefusesAClassifierThatIsNotInTheGraph) {
  for (const std::string& classifier : kNotExported) {
    SeverityNet net = RandomNet(Nano(classifier));
    ExpectError(ErrorKind::kUnsupported, {classifier, "lowering"},
                [&] { ToTorchScript(GraphOf(net, 1, kSide), net); });
  }
}

}  // namespace
}  // namespace hepar
