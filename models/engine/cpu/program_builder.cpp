// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/program_builder.h"

#include <utility>
#include <variant>

#include "models/error.h"

namespace hepar::cpu {

ProgramBuilder::ProgramBuilder(const Graph& graph, const Kernels& kernels)
    : graph_(graph), kernels_(kernels), layouts_(LayOut(graph, kernels)) {
  for (const std::size_t floats : layouts_.buffers) buffers_.push_back({floats, 0, -1});
}

ProgramBuilder::ProgramBuilder(const GradientGraph& graph, const Kernels& kernels)
    : graph_(graph.forward),
      gradients_(&graph),
      kernels_(kernels),
      layouts_(LayOut(graph, kernels)) {
  for (const std::size_t floats : layouts_.buffers) buffers_.push_back({floats, 0, -1});
}

Program ProgramBuilder::Build() {
  EmitForward();
  if (gradients_ != nullptr) EmitGradients();
  PlanAddresses();
  program_.frame = layouts_.frame;
  return std::move(program_);
}

void ProgramBuilder::EmitForward() {
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    node_ = {node.name, node.inputs, node.output};
    const auto* conv = std::get_if<Convolution>(&node.op);
    residual_.reset();
    if (conv != nullptr && conv->residual != Residual::kNone) residual_ = input(1);
    try {
      std::visit([this](const auto& op) { Emit(op, this); }, node.op);
    } catch (const Error& error) {
      throw Error(error.kind(), node.name + ": " + error.what());
    }
    if (i < graph_.decoupling_nodes) program_.decoupling_steps = program_.steps.size();
  }
  program_.forward_steps = program_.steps.size();
}

void ProgramBuilder::EmitGradients() {
  // The caller writes these between the passes, so they are in use from here on.
  const auto given = [this](int id) {
    return id == Graph::kNoValue ? kNoOperand : Use(layouts_.placements[id]);
  };
  program_.logits_gradient = given(gradients_->logits);
  program_.specific_gradient = given(gradients_->specific);
  program_.common_gradient = given(gradients_->common);
  for (const GradientNode& node : gradients_->nodes) {
    node_ = {node.name, {node.gradient}, node.output};
    gate_ = node.gate;
    residual_.reset();
    try {
      if (node.residual != Graph::kNoValue) {
        node_.inputs.push_back(node.residual);
        residual_ = output().planar ? PlanarInput(1) : BlockedInput(1);
        CheckSameLanes(*residual_, output(), "sum of gradients");
      }
      Emit(*gradients_, node, this);
    } catch (const Error& error) {
      throw Error(error.kind(), node.name + ": " + error.what());
    }
  }
  program_.picture_gradient = Use(layouts_.placements[gradients_->picture]);
}

Placement ProgramBuilder::NewBuffer(Placement placement) {
  placement.buffer = static_cast<int>(buffers_.size());
  buffers_.push_back({placement.floats, 0, -1});
  return placement;
}

Placement ProgramBuilder::Blocked(int id) {
  const Placement& planar = layouts_.placements[id];
  if (!planar.planar) return planar;
  const Shape& shape = ShapeOf(id);
  const Placement blocked = NewBuffer(BlockedPlacement(shape, kernels_));
  Add(ToBlockedStep{shape.channels, shape.pixels()}, planar, blocked);
  return blocked;
}

Placement ProgramBuilder::Planar(int id) {
  const Placement& blocked = layouts_.placements[id];
  if (blocked.planar) return blocked;
  const Placement planar = NewBuffer(PlanarPlacement(ShapeOf(id)));
  AddToPlanar(blocked, planar);
  return planar;
}

void ProgramBuilder::AddFinish(const Placement& source, const Placement& destination) {
  FinishStep step;
  step.planar = destination.planar;
  step.count = destination.planar ? destination.floats
                                  : destination.floats * static_cast<std::size_t>(kernels_.pair);
  Add(step, source, destination, residual(), 0, gate());
}

void ProgramBuilder::AddToPlanar(const Placement& blocked, const Placement& planar) {
  Add(ToPlanarStep{blocked.lane_of, planar.floats / blocked.lane_of.size()}, blocked, planar);
}

OperandId ProgramBuilder::Use(const Placement& placement) {
  const int step = static_cast<int>(program_.steps.size());
  BufferUse& use = buffers_[placement.buffer];
  if (use.last < use.first) use.first = step;
  use.last = step;

  const auto next = static_cast<OperandId>(program_.operands.size());
  const auto [known, is_new] =
      known_.try_emplace({placement.buffer, {placement.offset, placement.floats}}, next);
  if (is_new) {
    program_.operands.push_back(
        {placement.buffer == MapLayouts::kFrame, placement.offset, placement.floats});
    buffer_of_.push_back(placement.buffer);
  }
  return known->second;
}

void ProgramBuilder::Add(StepOp op, const Placement& source, const Placement& destination,
                         const Placement* second, std::size_t scratch_floats,
                         const Placement* third) {
  StepOperands operands;
  operands.source = Use(source);
  operands.destination = Use(destination);
  if (second != nullptr) operands.second = Use(*second);
  if (third != nullptr) operands.third = Use(*third);
  if (scratch_floats > 0) {
    Placement scratch;
    scratch.planar = true;
    scratch.floats = scratch_floats;
    operands.scratch = Use(NewBuffer(std::move(scratch)));
  }
  program_.steps.push_back({node_.name, std::move(op), operands});
}

void ProgramBuilder::PlanAddresses() {
  std::vector<BufferUse> uses = buffers_;
  uses[MapLayouts::kFrame] = {};
  const MemoryPlan plan = PlanMemory(uses);
  for (std::size_t i = 0; i < program_.operands.size(); ++i) {
    Operand& operand = program_.operands[i];
    if (!operand.in_frame) operand.offset += plan.offsets[buffer_of_[i]];
  }
  program_.workspace_floats = plan.floats;
}

void CheckSameLanes(const Placement& x, const Placement& y, const char* what) {
  if (x.lane_of != y.lane_of) {
    throw Error(ErrorKind::kUnsupported, std::string("no kernel for this ") + what);
  }
}

Program BuildProgram(const Graph& graph, const Kernels& kernels) {
  return ProgramBuilder(graph, kernels).Build();
}

Program BuildProgram(const GradientGraph& graph, const Kernels& kernels) {
  return ProgramBuilder(graph, kernels).Build();
}

}  // namespace hepar::cpu
