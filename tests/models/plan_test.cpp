// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/plan.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "models/error.h"
#include "models/graph/graph_builder.h"
#include "models/nets/severity_net.h"
#include "tests/support/random_net.h"

namespace hepar::cpu {
namespace {

using hepar::testing::ArchitectureOf;

std::vector<float> RunPlan(const Plan& plan, const torch::Tensor& picture) {
  std::vector<float> frame(plan.frame().count);
  const auto workspace = plan.MakeWorkspace();
  std::copy_n(picture.data_ptr<float>(), picture.numel(), &frame[plan.frame().picture]);
  plan.Decouple(workspace.get(), frame.data());
  plan.Classify(workspace.get(), frame.data());
  return frame;
}

void ExpectClose(const std::vector<float>& frame, std::size_t offset, const torch::Tensor& expected,
                 float tolerance, const char* what) {
  const auto flat = expected.flatten().contiguous();
  const auto got = torch::tensor(std::vector<float>(&frame[offset], &frame[offset] + flat.numel()));
  EXPECT_LT((got - flat).abs().max().item<float>(),
            tolerance * (1.f + flat.abs().max().item<float>()))
      << what;
}

// Tolerance of the plan against the module, relative to the largest value. In bf16 each layer has a
// relative rounding error of at most 2^-9, typically 0.1 %. The errors of up to a hundred layers
// add up in quadrature, over thousands of results.
float ToleranceOf(const Kernels& kernels) { return kernels.pair == 1 ? 1e-4f : 0.05f; }

void ExpectEqualResults(const Architecture& architecture, int channels, int side,
                        const Kernels& kernels) {
  SCOPED_TRACE(std::string(kernels.name) + " at " + std::to_string(side));
  SeverityNet net = hepar::testing::RandomNet(architecture);
  const torch::NoGradGuard no_grad;
  const auto picture = torch::rand({1, channels, side, side});
  const Plan plan(net->Lower(channels, side, side), kernels);
  const FrameLayout& at = plan.frame();
  const auto frame = RunPlan(plan, picture);

  const Decoupled expected = net->Decouple(picture);
  const float tolerance = ToleranceOf(kernels);
  ExpectClose(frame, at.planes, expected.planes, 1e-4f, "planes");
  const auto expect_result = [&](std::size_t offset, const torch::Tensor& result,
                                 const char* what) {
    ASSERT_EQ(offset != FrameLayout::kAbsent, result.defined()) << what;
    if (result.defined()) ExpectClose(frame, offset, result, tolerance, what);
  };
  expect_result(at.specific, expected.specific, "Feat1");
  expect_result(at.auxiliary_logits, expected.auxiliary_logits, "auxiliary logits");
  expect_result(at.common, expected.common, "Feat2");
  expect_result(at.reconstruction, expected.reconstruction, "reconstruction");
  ExpectClose(frame, at.logits, net->Classify(SeverityNetImpl::Concatenate(expected)), tolerance,
              "logits");
}

// With the best kernels, and with the bf16 kernels where this processor has them.
void ExpectEqualResults(const Architecture& architecture, int channels, int side) {
  ExpectEqualResults(architecture, channels, side, BestKernels());
  if (Bf16Kernels()) ExpectEqualResults(architecture, channels, side, *Bf16Kernels());
}

TEST(PlanTest, EverySizeGivesTheModulesResults) {
  for (const char* size : {"nano", "live", "paper"}) {
    for (const int side : {64, 97}) {
      SCOPED_TRACE(size);
      ExpectEqualResults(ArchitectureOf(size, "squeezenet1_1"), 1, side);
    }
  }
  ExpectEqualResults(ArchitectureOf("live", "squeezenet1_1"), 1, 224);
}

TEST(PlanTest, SkipsPlanesAndFeatureChannelsGiveTheModulesResults) {
  for (const DecouplerSkips skips : {DecouplerSkips::kNoTop, DecouplerSkips::kNone}) {
    SCOPED_TRACE(ToString(skips));
    Architecture a = ArchitectureOf("live", "squeezenet1_1");
    a.ic2_skips = skips;
    a.feature_channels = 3;
    ExpectEqualResults(a, 1, 64);
  }
  for (const ColorPlanes planes :
       {ColorPlanes::kY, ColorPlanes::kYcbcr, ColorPlanes::kRgb, ColorPlanes::kHsvV}) {
    SCOPED_TRACE(ToString(planes));
    Architecture a = ArchitectureOf("nano", "squeezenet1_1");
    a.planes = planes;
    ExpectEqualResults(a, 3, 48);
  }
}

TEST(PlanTest, WithoutADecouplerTheRestGivesTheModulesResults) {
  for (const DecouplerSet set :
       {DecouplerSet::kSpecific, DecouplerSet::kCommon, DecouplerSet::kNone}) {
    for (const ColorPlanes planes : {ColorPlanes::kY, ColorPlanes::kYcbcr}) {
      SCOPED_TRACE(ToString(set) + " " + ToString(planes));
      Architecture a = ArchitectureOf("nano", "squeezenet1_1");
      a.decouplers = set;
      a.planes = planes;
      ExpectEqualResults(a, planes == ColorPlanes::kY ? 1 : 3, 64);
    }
  }
}

TEST(PlanTest, ClassifiersThatLowerGiveTheModulesResults) {
  for (const char* classifier : {"squeezenet1_0", "depth_squeezenet", "resnet18", "resnet50",
                                 "se_resnet18", "se_resnet50", "cbam_resnet18", "cbam_resnet50"}) {
    SCOPED_TRACE(classifier);
    ExpectEqualResults(ArchitectureOf("nano", classifier), 1, 64);
  }
}

TEST(PlanTest, KernelsForAnyProcessorGiveTheModulesResults) {
  ExpectEqualResults(ArchitectureOf("live", "squeezenet1_1"), 1, 64, PortableKernels());
}

class PlanKernelsTest : public ::testing::TestWithParam<const Kernels*> {};

TEST_P(PlanKernelsTest, AWorkspaceKeepsNothingFromOneFrameToTheNext) {
  SeverityNet net = hepar::testing::RandomNet(ArchitectureOf("nano", "squeezenet1_1"));
  const Plan plan(net->Lower(1, 64, 64), *GetParam());
  const auto first = torch::rand({1, 1, 64, 64}), second = torch::rand({1, 1, 64, 64});
  const auto expected = RunPlan(plan, first);

  const auto workspace = plan.MakeWorkspace();
  std::vector<float> frame(plan.frame().count);
  for (const auto& picture : {second, first}) {
    std::copy_n(picture.data_ptr<float>(), picture.numel(), &frame[plan.frame().picture]);
    plan.Decouple(workspace.get(), frame.data());
    plan.Classify(workspace.get(), frame.data());
  }
  EXPECT_EQ(frame, expected);
}

std::vector<const Kernels*> KernelsOfThisProcessor() {
  std::vector<const Kernels*> all = {&BestKernels()};
  if (Bf16Kernels()) all.push_back(Bf16Kernels());
  return all;
}
INSTANTIATE_TEST_SUITE_P(, PlanKernelsTest, ::testing::ValuesIn(KernelsOfThisProcessor()),
                         [](const auto& info) { return info.index == 0 ? "Fp32" : "Bf16"; });

TEST(PlanTest, ThreadsWithWorkspacesOfTheirOwnShareOnePlan) {
  SeverityNet net = hepar::testing::RandomNet(ArchitectureOf("nano", "squeezenet1_1"));
  const Plan plan(net->Lower(1, 64, 64));
  const auto picture = torch::rand({1, 1, 64, 64});
  const auto expected = RunPlan(plan, picture);
  std::vector<std::vector<float>> frames(4);
  std::vector<std::thread> threads;
  for (auto& frame : frames) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) frame = RunPlan(plan, picture);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& frame : frames) EXPECT_EQ(frame, expected);
}

TEST(PlanTest, WhatHasNoKernelIsRefusedByName) {
  GraphBuilder graph({3, 8, 8});
  Graph& results = graph.graph();
  results.planes = graph.Append("the.planes", Lightness{}, 0);
  results.specific = results.common = results.reconstruction = results.auxiliary_logits = 0;
  try {
    Plan plan(graph.Finish());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("the.planes"), std::string::npos);
  }
}

}  // namespace
}  // namespace hepar::cpu
