// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/map_layouts.h"
#include "models/engine/cpu/memory_plan.h"
#include "models/engine/cpu/program.h"
#include "models/graph/graph.h"

namespace hepar::cpu {

// Builds a Program node by node: the Emit() of a node's operator asks for its placements and adds
// its steps. Buffers are known by number while steps are added; their addresses are planned at the
// end, from the steps between which each is in use.
class ProgramBuilder {
 public:
  ProgramBuilder(const Graph& graph, const Kernels& kernels);
  Program Build();

  const Kernels& kernels() const { return kernels_; }

  // Of the current node.
  const Shape& input_shape(int i = 0) const { return graph_.values[node_->inputs[i]]; }
  const Shape& output_shape() const { return graph_.values[node_->output]; }
  const Placement& input(int i = 0) const { return layouts_.placements[node_->inputs[i]]; }
  const Placement& output() const { return layouts_.placements[node_->output]; }
  int input_count() const { return static_cast<int>(node_->inputs.size()); }

  // Input i in one layout: where it is, or in a new buffer that a step of its own converts it to.
  Placement BlockedInput(int i = 0);
  Placement PlanarInput(int i = 0);

  // Calls emit(placement) with a blocked placement for the output, and converts it to planar where
  // that is the output's layout.
  template <typename Function>
  void WithBlockedOutput(const Function& emit) {
    if (!output().planar) return emit(output());
    const Placement blocked = NewBuffer(BlockedPlacement(output_shape(), kernels_));
    emit(blocked);
    AddToPlanar(blocked, output());
  }

  // Adds a step of the current node. `second` may be null. A scratch buffer of its own where
  // `scratch_floats` is not 0.
  void Add(StepOp op, const Placement& source, const Placement& destination,
           const Placement* second = nullptr, std::size_t scratch_floats = 0);

  // A number for a context of a oneDNN primitive.
  int NewContext() { return program_.convolution_contexts++; }

 private:
  // `placement` in a new buffer of its size.
  Placement NewBuffer(Placement placement);
  void AddToPlanar(const Placement& blocked, const Placement& planar);
  // The operand for a placement that the step added next uses.
  OperandId Use(const Placement& placement);
  void PlanAddresses();

  const Graph& graph_;
  const Kernels& kernels_;
  const MapLayouts layouts_;
  const Node* node_ = nullptr;
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

// For Emit(): throws Error(kUnsupported) unless the channels of both maps are in the same lanes,
// which operators on whole vectors need.
void CheckSameLanes(const Placement& x, const Placement& y, const char* what);

inline Extent ExtentOf(const Shape& shape) { return {shape.height, shape.width}; }

}  // namespace hepar::cpu
