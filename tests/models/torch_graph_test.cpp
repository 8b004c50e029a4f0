// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_graph.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <string>
#include <vector>

#include "models/engine/pass_runner.h"
#include "models/nets/severity_net.h"
#include "tests/support/expect_close.h"
#include "tests/support/graph_interpreter.h"
#include "tests/support/random_net.h"

namespace hepar {
namespace {

using hepar::testing::ArchitectureOf;
using hepar::testing::ExpectClose;
using hepar::testing::Interpret;
using hepar::testing::RandomNet;

// Every result of a batch of two pictures is what the interpreter makes of each alone.
void ExpectInterpretersResults(const Architecture& architecture, int channels, int height,
                               int width) {
  const Graph graph = RandomNet(architecture)->Lower(channels, height, width);
  const TorchGraph on_torch(graph, torch::kCPU, torch::kFloat32);
  const auto pictures = on_torch.InputFor(2);
  pictures.copy_(torch::rand({2, channels, height, width}));
  const TorchGraph::Results results = on_torch.Run(pictures);
  for (int64_t i = 0; i < 2; ++i) {
    const auto expected = Interpret(graph, pictures.narrow(0, i, 1).contiguous());
    const auto expect = [&](const torch::Tensor& result, int id, const char* what) {
      ASSERT_EQ(result.defined(), id != Graph::kNoValue) << what;
      if (result.defined()) ExpectClose(result[i], expected[id], what);
    };
    expect(results.planes, graph.planes, "planes");
    expect(results.specific, graph.specific, "Feat1");
    expect(results.common, graph.common, "Feat2");
    expect(results.reconstruction, graph.reconstruction, "reconstruction");
    expect(results.logits, graph.logits, "logits");
  }
  EXPECT_EQ(on_torch.fused_convolutions(), 0u);  // cuDNN's work, which the CPU does not have.
}

TEST(TorchGraphTest, ABatchGivesTheInterpretersResults) {
  for (const char* classifier :
       {"squeezenet1_1", "depth_squeezenet", "resnet18", "se_resnet50", "cbam_resnet18"}) {
    SCOPED_TRACE(classifier);
    ExpectInterpretersResults(ArchitectureOf("nano", classifier), 1, 64, 64);
  }
  ExpectInterpretersResults(ArchitectureOf("live", "squeezenet1_1"), 1, 97, 65);
  ExpectInterpretersResults(ArchitectureOf("paper", "squeezenet1_1"), 1, 64, 64);
}

TEST(TorchGraphTest, EverySelectionOfPlanesGivesTheInterpretersResults) {
  for (const ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kYcbcr, ColorPlanes::kRgb,
                                   ColorPlanes::kHsvV, ColorPlanes::kLabL}) {
    SCOPED_TRACE(ToString(planes));
    Architecture a = ArchitectureOf("nano", "squeezenet1_1");
    a.planes = planes;
    ExpectInterpretersResults(a, 3, 48, 48);
  }
}

TEST(TorchGraphTest, WithoutADecouplerOrALoweringTheRestGivesTheInterpretersResults) {
  Architecture a = ArchitectureOf("nano", "resnet18");
  a.decouplers = DecouplerSet::kCommon;
  a.feature_channels = 2;
  ExpectInterpretersResults(a, 1, 64, 64);
  ExpectInterpretersResults(ArchitectureOf("nano", "vit_tiny"), 1, 64, 64);
}

// What is put into the larger graph's place is left over from an earlier pass.
TEST(TorchGraphTest, PicturesOfABatchDoNotTouchEachOther) {
  const Graph graph = RandomNet(ArchitectureOf("nano", "squeezenet1_1"))->Lower(1, 64, 64);
  const TorchGraph on_torch(graph, torch::kCPU, torch::kFloat32);
  const auto pictures = on_torch.InputFor(4);
  pictures.copy_(torch::rand({4, 1, 64, 64}));
  const auto before = on_torch.Run(pictures).logits[0].clone();
  pictures.narrow(0, 1, 3).fill_(std::numeric_limits<float>::quiet_NaN());
  ExpectClose(on_torch.Run(pictures).logits[0], before, "logits");
}

TEST(TorchGraphTest, InputsAreChannelsLastAlsoWithOneChannel) {
  for (const int channels : {1, 3}) {
    Architecture a = ArchitectureOf("nano", "squeezenet1_1");
    if (channels == 3) a.planes = ColorPlanes::kRgb;
    const Graph graph = RandomNet(a)->Lower(channels, 48, 48);
    const TorchGraph on_torch(graph, torch::kCPU, torch::kFloat32);
    EXPECT_EQ(on_torch.InputFor(2).suggest_memory_format(), at::MemoryFormat::ChannelsLast);
  }
}

TEST(PassRunnerTest, OnTheCpuNothingIsCapturedAndTheCauseIsNamed) {
  Pass pass;
  pass.run = [](const torch::Tensor& pictures) { return PassResults{pictures, {}}; };
  pass.make_input = [](std::int64_t batch) { return torch::zeros({batch, 1, 2, 2}); };
  std::string reason;
  EXPECT_EQ(CapturePass(pass, 4, &reason), nullptr);
  EXPECT_FALSE(reason.empty());

  const auto runner = MakeEagerRunner(pass);
  const auto first = torch::rand({1, 1, 2, 2}), second = torch::rand({1, 1, 2, 2});
  const PassResults results = runner->Run({first, second});
  EXPECT_TRUE(results.maps.equal(torch::cat({first, second})));
  EXPECT_FALSE(results.logits.defined());
}

}  // namespace
}  // namespace hepar
