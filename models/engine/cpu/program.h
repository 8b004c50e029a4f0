// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "models/engine/cpu/frame_layout.h"
#include "models/engine/cpu/steps.h"
#include "models/graph/gradient_graph.h"
#include "models/graph/graph.h"

// What a Plan runs, as data: steps over operands in two pieces of memory, the workspace of a pass
// and the frame.
namespace hepar::cpu {

// A piece of memory that steps read or write, in floats.
struct Operand {
  bool in_frame = false;   // Otherwise in the workspace.
  std::size_t offset = 0;  // From the start of the frame or the workspace.
  std::size_t floats = 0;
};

// Index in Program::operands.
using OperandId = int;
constexpr OperandId kNoOperand = -1;

// What a step works on. `second` is the residual of a convolution or the other operand of an
// addition or a multiplication; `third` is what only steps of a gradient have, such as its gate.
// kNoOperand: the step has none.
struct StepOperands {
  OperandId source = kNoOperand;
  OperandId second = kNoOperand;
  OperandId third = kNoOperand;
  OperandId destination = kNoOperand;
  OperandId scratch = kNoOperand;
};

struct Step {
  std::string node;  // Name of the graph node that the step belongs to.
  StepOp op;
  StepOperands operands;
};

struct Program {
  std::vector<Step> steps;           // In the order in which they run.
  std::size_t decoupling_steps = 0;  // The first steps decouple, the others classify.
  std::size_t forward_steps = 0;     // Those after these compute the gradient.
  std::vector<Operand> operands;
  FrameLayout frame;
  std::size_t workspace_floats = 0;
  int convolution_contexts = 0;  // OneDnnStep::context is below.
  // Of a gradient: what is written before its first step, and its result.
  OperandId logits_gradient = kNoOperand, specific_gradient = kNoOperand,
            common_gradient = kNoOperand, picture_gradient = kNoOperand;
};

// The program of a graph for these kernels. Throws Error(kUnsupported), naming the node, for a node
// that there is no kernel for.
Program BuildProgram(const Graph& graph, const Kernels& kernels);
Program BuildProgram(const GradientGraph& graph, const Kernels& kernels);

// A table for people: a line for each step with its node, kernel and operands.
std::string ToText(const Program& program);

}  // namespace hepar::cpu
