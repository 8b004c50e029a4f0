// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/program.h"

#include <iomanip>
#include <sstream>
#include <variant>

namespace hepar::cpu {
namespace {

std::string TextOf(const Program& program, OperandId id) {
  const Operand& operand = program.operands[id];
  return std::string(operand.in_frame ? "frame" : "work") + "[" + std::to_string(operand.offset) +
         "+" + std::to_string(operand.floats) + "]";
}

}  // namespace

std::string ToText(const Program& program) {
  std::ostringstream text;
  text << program.steps.size() << " steps, " << program.decoupling_steps
       << " of them decouple; workspace " << program.workspace_floats << " floats, frame "
       << program.frame.count << " floats";
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    const std::string kernel = std::visit([](const auto& op) { return op.kernel(); }, step.op);
    text << '\n'
         << std::setw(4) << i << ' ' << std::left << std::setw(32) << step.node << ' '
         << std::setw(24) << kernel << std::right << ' ' << TextOf(program, step.operands.source);
    if (step.operands.second != kNoOperand) {
      text << ", " << TextOf(program, step.operands.second);
    }
    if (step.operands.third != kNoOperand) text << ", " << TextOf(program, step.operands.third);
    text << " -> " << TextOf(program, step.operands.destination);
    if (step.operands.scratch != kNoOperand) {
      text << "; scratch " << TextOf(program, step.operands.scratch);
    }
  }
  return text.str();
}

}  // namespace hepar::cpu
