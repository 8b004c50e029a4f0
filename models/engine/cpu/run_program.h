// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/onednn_convolution.h"
#include "models/engine/cpu/program.h"
#include "models/engine/cpu/steps.h"

namespace hepar::cpu {

// The memory that one pass of a program needs. For one pass at a time.
class ProgramWorkspace {
 public:
  explicit ProgramWorkspace(const Program& program)
      : ProgramWorkspace(program, AllocateFloats(program.workspace_floats)) {}
  // In memory of program.workspace_floats floats or more.
  ProgramWorkspace(const Program& program, Floats given) : memory(std::move(given)) {
    contexts.resize(program.convolution_contexts);
    for (const Step& step : program.steps) {
      if (const auto* onednn = std::get_if<OneDnnStep>(&step.op)) {
        contexts[onednn->context] = onednn->convolution->MakeContext();
      }
    }
  }

  Floats memory;
  std::vector<std::shared_ptr<OneDnnConvolution::Context>> contexts;
};

// Where an operand is in one pass; null for kNoOperand.
inline float* AddressOf(const Program& program, OperandId id, const ProgramWorkspace& workspace,
                        float* frame) {
  if (id == kNoOperand) return nullptr;
  const Operand& operand = program.operands[id];
  return (operand.in_frame ? frame : workspace.memory.get()) + operand.offset;
}

// Runs steps [begin, end) and calls after_step(i) after each.
template <typename AfterStep>
void RunProgram(const Program& program, const Kernels& kernels, ProgramWorkspace* workspace,
                float* frame, std::size_t begin, std::size_t end, const AfterStep& after_step) {
  const SingleThreaded single;
  const Pass pass{kernels, workspace->contexts};
  const auto address = [&](OperandId id) { return AddressOf(program, id, *workspace, frame); };
  for (std::size_t i = begin; i < end; ++i) {
    const Step& step = program.steps[i];
    const StepMemory memory{address(step.operands.source), address(step.operands.second),
                            address(step.operands.third), address(step.operands.destination),
                            address(step.operands.scratch)};
    std::visit([&](const auto& op) { Run(op, memory, pass); }, step.op);
    after_step(i);
  }
}

}  // namespace hepar::cpu
