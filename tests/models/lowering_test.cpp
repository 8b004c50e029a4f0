// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/severity_net.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <set>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/nets/complexity.h"
#include "tests/support/expect_close.h"
#include "tests/support/graph_interpreter.h"
#include "tests/support/random_net.h"

namespace hepar {
namespace {

using hepar::testing::ArchitectureOf;
using hepar::testing::ExpectClose;
using hepar::testing::Interpret;
using hepar::testing::RandomNet;

// Compares the graph's results with those of the module.
void ExpectEqualResults(const Architecture& architecture, int channels, int height, int width) {
  SeverityNet net = RandomNet(architecture);
  const torch::NoGradGuard no_grad;
  const auto picture = torch::rand({1, channels, height, width});
  const Graph graph = net->Lower(channels, height, width);
  const auto values = Interpret(graph, picture);

  const Decoupled expected = net->Decouple(picture);
  ExpectClose(values[graph.planes], expected.planes, "planes");
  const auto expect_result = [&values](int id, const torch::Tensor& result, const char* what) {
    ASSERT_EQ(id != Graph::kNoValue, result.defined()) << what;
    if (result.defined()) ExpectClose(values[id], result, what);
  };
  expect_result(graph.specific, expected.specific, "Feat1");
  expect_result(graph.auxiliary_logits, expected.auxiliary_logits, "auxiliary logits");
  expect_result(graph.common, expected.common, "Feat2");
  expect_result(graph.reconstruction, expected.reconstruction, "reconstruction");
  ASSERT_TRUE(graph.has_classifier());
  ExpectClose(values[graph.logits], net->Classify(SeverityNetImpl::Concatenate(expected)),
              "logits");
}

TEST(LoweringTest, EverySizeGivesTheModulesResults) {
  for (const char* size : {"nano", "live", "paper"}) {
    SCOPED_TRACE(size);
    ExpectEqualResults(ArchitectureOf(size, "squeezenet1_1"), 1, 64, 64);
  }
}

TEST(LoweringTest, OddInputSizesGiveTheModulesResults) {
  for (const auto& [height, width] :
       std::vector<std::pair<int, int>>{{33, 47}, {97, 97}, {128, 96}}) {
    SCOPED_TRACE(height);
    ExpectEqualResults(ArchitectureOf("live", "squeezenet1_1"), 1, height, width);
  }
}

TEST(LoweringTest, SkipsPlanesAndFeatureChannelsGiveTheModulesResults) {
  for (const DecouplerSkips skips : {DecouplerSkips::kNoTop, DecouplerSkips::kNone}) {
    SCOPED_TRACE(ToString(skips));
    Architecture a = ArchitectureOf("nano", "squeezenet1_1");
    a.ic2_skips = skips;
    a.feature_channels = 3;
    ExpectEqualResults(a, 1, 64, 64);
  }
  for (const ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kYcbcr, ColorPlanes::kRgb,
                                   ColorPlanes::kHsvV, ColorPlanes::kLabL}) {
    SCOPED_TRACE(ToString(planes));
    Architecture a = ArchitectureOf("nano", "squeezenet1_1");
    a.planes = planes;
    ExpectEqualResults(a, 3, 48, 48);
    ExpectEqualResults(a, 1, 48, 48);
  }
}

TEST(LoweringTest, WithoutADecouplerTheRestGivesTheModulesResults) {
  for (const DecouplerSet set :
       {DecouplerSet::kSpecific, DecouplerSet::kCommon, DecouplerSet::kNone}) {
    for (const ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kYcbcr}) {
      SCOPED_TRACE(ToString(set) + " " + ToString(planes));
      Architecture a = ArchitectureOf("nano", "resnet18");
      a.decouplers = set;
      a.planes = planes;
      a.feature_channels = 2;
      ExpectEqualResults(a, planes == ColorPlanes::kY ? 1 : 3, 64, 64);
    }
  }
}

TEST(LoweringTest, ClassifiersThatLowerGiveTheModulesResults) {
  for (const char* classifier : {"squeezenet1_0", "depth_squeezenet", "resnet18", "resnet50",
                                 "se_resnet18", "se_resnet50", "cbam_resnet18", "cbam_resnet50"}) {
    SCOPED_TRACE(classifier);
    ExpectEqualResults(ArchitectureOf("nano", classifier), 1, 64, 64);
  }
  Architecture with_relu = ArchitectureOf("nano", "squeezenet1_1");
  with_relu.final_relu = true;
  ExpectEqualResults(with_relu, 1, 64, 64);
}

TEST(LoweringTest, AClassifierWithoutLoweringEndsTheGraphAtTheDecouplers) {
  SeverityNet net = RandomNet(ArchitectureOf("nano", "vit_tiny"));
  const Graph graph = net->Lower(1, 64, 64);
  EXPECT_FALSE(graph.has_classifier());
  EXPECT_EQ(graph.decoupling_nodes, graph.nodes.size());
}

TEST(LoweringTest, NodesCountTheModulesOperations) {
  SeverityNet net(ArchitectureOf("live", "squeezenet1_1"));
  net->eval();
  const Graph graph = net->Lower(1, 224, 224);
  double macs = 0.0;
  for (const Node& node : graph.nodes) macs += MacsOf(graph, node);
  EXPECT_EQ(macs, static_cast<double>(CountMacs([&] {
              const Decoupled decoupled = net->Decouple(torch::zeros({1, 1, 224, 224}));
              net->Classify(SeverityNetImpl::Concatenate(decoupled));
            })));
}

TEST(LoweringTest, NodesAreInOrderUnderNamesOfTheirOwn) {
  const Graph graph = RandomNet(ArchitectureOf("nano", "cbam_resnet50"))->Lower(1, 64, 64);
  std::set<std::string> names;
  std::set<int> known = {0};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    EXPECT_TRUE(names.insert(node.name).second) << node.name;
    if (i == graph.decoupling_nodes) known = {graph.planes, graph.specific, graph.common};
    for (const int input : node.inputs) EXPECT_EQ(known.count(input), 1u) << node.name;
    EXPECT_TRUE(known.insert(node.output).second) << node.name;
  }
}

TEST(LoweringTest, AnInputThatIsTooSmallIsRefusedWithTheLayer) {
  try {
    RandomNet(ArchitectureOf("nano", "squeezenet1_1"))->Lower(1, 4, 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    EXPECT_NE(std::string(error.what()).find("classifier.features"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace hepar
