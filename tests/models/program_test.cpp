// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "models/graph/graph_builder.h"

namespace hepar::cpu {
namespace {

using ::testing::HasSubstr;

Convolution MakeConvolution(int in, int out, int kernel, int groups = 1,
                            Activation activation = Activation::kRelu) {
  Convolution op;
  op.kernel_height = op.kernel_width = kernel;
  op.padding = kernel / 2;
  op.groups = groups;
  op.weight.assign(static_cast<std::size_t>(out) * (in / groups) * kernel * kernel, 0.5f);
  op.bias.assign(out, 0.f);
  op.activation = activation;
  return op;
}

// A small network with every operator that the CPU engine has a kernel for.
Graph SmallGraph() {
  GraphBuilder builder({1, 32, 32});
  Graph& results = builder.graph();
  const int stem = builder.Append("stem", MakeConvolution(1, 12, 3), 0);
  const int wide = builder.Append("wide", MakeConvolution(12, 24, 3), stem);
  const int half = builder.Append("half", MaxPool{}, wide);
  const int narrow = builder.Append("narrow", MakeConvolution(24, 12, 1), half);
  Convolution position = MakeConvolution(12, 12, 3, 12, Activation::kNone);
  position.residual = Residual::kBeforeActivation;
  const int located = builder.Append("position", position, narrow, narrow);
  PixelAttention attention;
  attention.heads = 4;
  attention.norm_weight.assign(12, 1.f);
  attention.norm_bias.assign(12, 0.f);
  attention.qkv_weight.assign(3 * 12 * 12, 0.1f);
  attention.qkv_bias.assign(3 * 12, 0.f);
  attention.proj_weight.assign(12 * 12, 0.1f);
  attention.proj_bias.assign(12, 0.f);
  const int attended = builder.Append("attention", attention, located);
  const int larger = builder.Append("larger", Upsample{}, attended, 32, 32);
  const int joined = builder.Append("joined", Concat{}, {larger, stem});
  const int decoded = builder.Append("decoded", MakeConvolution(24, 12, 3), joined);
  const int means = builder.Append("means", AdaptivePool{}, decoded, 1, 1);
  const int weighed = builder.Append("weighed", Multiply{}, decoded, means);
  const int sum = builder.Append("sum", hepar::Add{Activation::kRelu}, weighed, decoded);
  const int mean = builder.Append("mean", ChannelReduce{ChannelReduce::Kind::kMean}, sum);
  const int seen = builder.Append("seen", Multiply{}, sum, mean);
  results.specific =
      builder.Append("head", MakeConvolution(12, 1, 1, 1, Activation::kSigmoid), seen);
  const int small =
      builder.Append("small_head", MakeConvolution(12, 1, 1, 1, Activation::kNone), attended);
  results.common = builder.Append("small_head.up", Upsample{Activation::kSigmoid}, small, 32, 32);
  results.reconstruction = results.common;
  results.auxiliary_logits =
      builder.Append("auxiliary", MakeConvolution(12, 3, 1, 1, Activation::kNone), means);
  builder.BeginClassification();
  const int parts = builder.Append("parts", Concat{}, results.ClassifierParts());
  const int scaled = builder.Append(
      "scaled", ScaleShift{{2.f, 2.f, 2.f}, {1.f, 1.f, 1.f}, Activation::kNone}, parts);
  Convolution strided = MakeConvolution(3, 40, 3);
  strided.stride = 2;
  const int first = builder.Append("first", strided, scaled);
  Convolution second = MakeConvolution(40, 20, 3);
  second.stride = 2;
  const int map = builder.Append("second", second, first);
  const int pooled = builder.Append("pooled", AdaptivePool{}, map, 1, 1);
  results.logits =
      builder.Append("logits", MakeConvolution(20, 4, 1, 1, Activation::kNone), pooled);
  return builder.Finish();
}

std::vector<const Kernels*> AllKernels() {
  std::vector<const Kernels*> all = {&BestKernels(), &PortableKernels()};
  if (Bf16Kernels()) all.push_back(Bf16Kernels());
  return all;
}

template <typename StepType>
std::set<std::string> NodesOf(const Program& program) {
  std::set<std::string> nodes;
  for (const Step& step : program.steps) {
    if (std::holds_alternative<StepType>(step.op)) nodes.insert(step.node);
  }
  return nodes;
}

using Names = std::set<std::string>;

TEST(ProgramTest, EachConvolutionHasItsKernel) {
  for (const Kernels* kernels : AllKernels()) {
    SCOPED_TRACE(kernels->name);
    const Program program = BuildProgram(SmallGraph(), *kernels);
    EXPECT_EQ(NodesOf<PlanarConvolutionStep>(program), (Names{"stem", "first"}));
    EXPECT_EQ(NodesOf<WinogradStep>(program), (Names{"wide", "decoded"}));
    EXPECT_EQ(NodesOf<PointwiseStep>(program), (Names{"narrow"}));
    EXPECT_EQ(NodesOf<DepthwiseStep>(program), (Names{"position"}));
    EXPECT_EQ(NodesOf<PointwiseToPlanarStep>(program),
              (Names{"head", "small_head", "auxiliary", "logits"}));
    EXPECT_EQ(NodesOf<OneDnnStep>(program), (Names{"second"}));
    EXPECT_EQ(program.convolution_contexts, 1);
  }
}

// Steps read only the picture, what the caller gives, and the results of earlier steps, never what
// they write themselves.
void ExpectStepsReadWhatIsWritten(const Program& program, std::size_t picture_floats) {
  std::vector<bool> frame(program.frame.count), workspace(program.workspace_floats);
  const auto begin = [&](OperandId id) {
    const Operand& operand = program.operands[id];
    return (operand.in_frame ? frame : workspace).begin() +
           static_cast<std::ptrdiff_t>(operand.offset);
  };
  const auto size = [&](OperandId id) {
    return static_cast<std::ptrdiff_t>(program.operands[id].floats);
  };
  std::fill_n(frame.begin() + static_cast<std::ptrdiff_t>(program.frame.picture), picture_floats,
              true);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    SCOPED_TRACE(step.node);
    if (i == program.forward_steps) {
      std::fill_n(begin(program.logits_gradient), size(program.logits_gradient), true);
    }
    for (const OperandId id : {step.operands.source, step.operands.second, step.operands.third,
                               step.operands.destination, step.operands.scratch}) {
      if (id == kNoOperand) continue;
      const Operand& operand = program.operands[id];
      EXPECT_LE(operand.offset + operand.floats,
                operand.in_frame ? frame.size() : workspace.size());
    }
    // Memory that is written becomes unreadable first, which detects overlaps.
    std::fill_n(begin(step.operands.destination), size(step.operands.destination), false);
    if (step.operands.scratch != kNoOperand) {
      std::fill_n(begin(step.operands.scratch), size(step.operands.scratch), false);
    }
    for (const OperandId id : {step.operands.source, step.operands.second, step.operands.third}) {
      if (id == kNoOperand) continue;
      EXPECT_TRUE(std::all_of(begin(id), begin(id) + size(id), [](bool known) { return known; }));
    }
    std::fill_n(begin(step.operands.destination), size(step.operands.destination), true);
  }
  if (program.picture_gradient != kNoOperand) {
    const OperandId id = program.picture_gradient;
    EXPECT_TRUE(std::all_of(begin(id), begin(id) + size(id), [](bool known) { return known; }));
    return;
  }
  for (const std::size_t result : {program.frame.specific, program.frame.common,
                                   program.frame.auxiliary_logits, program.frame.logits}) {
    EXPECT_TRUE(frame[result]);
  }
}

TEST(ProgramTest, StepsReadWhatIsWrittenAndLieInTheirMemory) {
  for (const Kernels* kernels : AllKernels()) {
    SCOPED_TRACE(kernels->name);
    const Graph graph = SmallGraph();
    ExpectStepsReadWhatIsWritten(BuildProgram(graph, *kernels), graph.values[0].count());
  }
}

TEST(ProgramTest, StepsOfAGradientReadWhatIsWritten) {
  for (const Kernels* kernels : AllKernels()) {
    SCOPED_TRACE(kernels->name);
    const GradientGraph graph = MakeGradientGraph(SmallGraph(), GradientScope::kEndToEnd);
    const Program program = BuildProgram(graph, *kernels);
    EXPECT_GT(program.steps.size(), program.forward_steps);
    ExpectStepsReadWhatIsWritten(program, graph.forward.values[0].count());
  }
}

TEST(ProgramTest, DecouplingEndsBeforeTheClassifier) {
  const Program program = BuildProgram(SmallGraph(), BestKernels());
  ASSERT_LT(program.decoupling_steps, program.steps.size());
  EXPECT_EQ(program.steps[program.decoupling_steps - 1].node, "auxiliary");
  EXPECT_EQ(program.steps[program.decoupling_steps].node, "scaled");
}

TEST(ProgramTest, AConcatenationOfAdjacentPartsCostsNoStep) {
  const Program program = BuildProgram(SmallGraph(), BestKernels());
  EXPECT_EQ(NodesOf<CopyStep>(program), Names{});
}

TEST(ProgramTest, TheTextHasALineForEachStep) {
  const Program program = BuildProgram(SmallGraph(), PortableKernels());
  const std::string text = ToText(program);
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
            program.steps.size());
  EXPECT_THAT(text, HasSubstr(std::to_string(program.steps.size()) + " steps"));
  for (const Step& step : program.steps) EXPECT_THAT(text, HasSubstr(" " + step.node + " "));
  EXPECT_THAT(text, HasSubstr(" winograd "));
  EXPECT_THAT(text, HasSubstr("frame[" + std::to_string(program.frame.picture) + "+1024]"));
}

}  // namespace
}  // namespace hepar::cpu
