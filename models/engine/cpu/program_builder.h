// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/map_layouts.h"
#include "models/engine/cpu/memory_plan.h"
#include "models/engine/cpu/program.h"
#include "models/graph/gradient_graph.h"
#include "models/graph/graph.h"

namespace hepar::cpu {

// Builds a Program node by node: the Emit() of a node's operator asks for its placements and adds
// its steps. Buffers are known by number while steps are added; their addresses are planned at the
// end, from the steps between which each is in use.
class ProgramBuilder {
 public:
  ProgramBuilder(const Graph& graph, const Kernels& kernels);
  ProgramBuilder(const GradientGraph& graph, const Kernels& kernels);
  Program Build();

  const Kernels& kernels() const { return kernels_; }

  // Of the current node.
  const Shape& input_shape(int i = 0) const { return ShapeOf(node_.inputs[i]); }
  const Shape& output_shape() const { return ShapeOf(node_.output); }
  const Placement& input(int i = 0) const { return layouts_.placements[node_.inputs[i]]; }
  const Placement& output() const { return output_ ? *output_ : layouts_.placements[node_.output]; }
  int input_count() const { return static_cast<int>(node_.inputs.size()); }
  // What a convolution adds to its sums, and what gates the result of a gradient node. Null: none.
  const Placement* residual() const { return residual_ ? &*residual_ : nullptr; }
  const Placement* gate() const {
    return gate_ == Graph::kNoValue ? nullptr : &layouts_.placements[gate_];
  }

  // Input i in one layout: where it is, or in a new buffer that a step of its own converts it to.
  Placement BlockedInput(int i = 0) { return Blocked(node_.inputs[i]); }
  Placement PlanarInput(int i = 0) { return Planar(node_.inputs[i]); }
  // The same of any value or gradient.
  Placement Blocked(int id);
  Placement Planar(int id);
  const Shape& ShapeOf(int id) const {
    return gradients_ != nullptr ? gradients_->ShapeOf(id) : graph_.values[id];
  }

  // Calls emit(placement) with a blocked placement for the output, and converts it to planar where
  // that is the output's layout.
  template <typename Function>
  void WithBlockedOutput(const Function& emit) {
    if (!output().planar) return emit(output());
    const Placement blocked = NewBuffer(BlockedPlacement(output_shape(), kernels_));
    emit(blocked);
    AddToPlanar(blocked, output());
  }

  // Calls emit() where the kernel of a gradient node neither adds its residual nor gates its
  // result: a step of its own does both.
  template <typename Function>
  void WithSeparateEnd(const Function& emit) {
    if (residual() == nullptr && gate() == nullptr) return emit();
    const Placement result = output();
    const auto residual = std::exchange(residual_, std::nullopt);
    const int gate = std::exchange(gate_, Graph::kNoValue);
    Placement sum_placement = result;
    sum_placement.offset = 0;
    output_ = NewBuffer(std::move(sum_placement));
    emit();
    const Placement sum = *std::exchange(output_, std::nullopt);
    residual_ = residual;
    gate_ = gate;
    AddFinish(sum, result);
  }

  // Adds a step of the current node. `second` and `third` may be null. A scratch buffer of its own
  // where `scratch_floats` is not 0.
  void Add(StepOp op, const Placement& source, const Placement& destination,
           const Placement* second = nullptr, std::size_t scratch_floats = 0,
           const Placement* third = nullptr);
  // Adds the step that adds the residual and gates.
  void AddFinish(const Placement& source, const Placement& destination);

  // `placement` in a new buffer of its size.
  Placement NewBuffer(Placement placement);

  // A number for a context of a oneDNN primitive.
  int NewContext() { return program_.convolution_contexts++; }

 private:
  // The node that steps are added for. Of a gradient node the inputs are its gradient and, where it
  // has one, its residual.
  struct Current {
    std::string name;
    std::vector<int> inputs;
    int output = 0;
  };

  void EmitForward();
  void EmitGradients();
  void AddToPlanar(const Placement& blocked, const Placement& planar);
  // The operand for a placement that the step added next uses.
  OperandId Use(const Placement& placement);
  void PlanAddresses();

  const Graph& graph_;
  const GradientGraph* const gradients_ = nullptr;  // Null: no gradient is asked for.
  const Kernels& kernels_;
  const MapLayouts layouts_;
  Current node_;
  std::optional<Placement> residual_, output_;  // output_: instead of the node's placement.
  int gate_ = Graph::kNoValue;
  Program program_;
  std::vector<BufferUse> buffers_;
  std::vector<int> buffer_of_;  // By operand.
  // Operands that exist, by buffer, offset and size.
  std::map<std::pair<int, std::pair<std::size_t, std::size_t>>, OperandId> known_;
};

// Adds the steps of the current node, whose operator is `op`. Throws Error(kUnsupported) where
// there is no kernel for it.
void Emit(const Convolution& op, ProgramBuilder* builder);
void Emit(const MaxPool& op, ProgramBuilder* builder);
void Emit(const AdaptivePool& op, ProgramBuilder* builder);
void Emit(const ChannelReduce& op, ProgramBuilder* builder);
void Emit(const Upsample& op, ProgramBuilder* builder);
void Emit(const Concat& op, ProgramBuilder* builder);
void Emit(const hepar::Add& op, ProgramBuilder* builder);
void Emit(const Multiply& op, ProgramBuilder* builder);
void Emit(const ScaleShift& op, ProgramBuilder* builder);
void Emit(const PixelAttention& op, ProgramBuilder* builder);
void Emit(const Lightness& op, ProgramBuilder* builder);

// The same for a node of a gradient graph.
void Emit(const GradientGraph& graph, const GradientNode& node, ProgramBuilder* builder);

// For those: the adjoint of `op`, the operator of node.
void EmitConvolutionAdjoint(const Convolution& op, ProgramBuilder* builder);

// For Emit(): throws Error(kUnsupported) unless the channels of both maps are in the same lanes,
// which operators on whole vectors need.
void CheckSameLanes(const Placement& x, const Placement& y, const char* what);

inline Extent ExtentOf(const Shape& shape) { return {shape.height, shape.width}; }

}  // namespace hepar::cpu
