// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "models/engine/cpu/frame_layout.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/graph/graph.h"

namespace hepar::cpu {

// A graph prepared to run on the CPU: one picture at a time, on one thread, at the precision of the
// kernels. The data in a frame is always 32-bit.
//
// Everything is decided once, at construction: the layout of each feature map (blocked, except for
// pictures and results), the kernel and packed weights of each convolution, and the address of
// every map in one piece of memory. Immutable afterwards, so any number of threads may run one
// plan, each with its own workspace. Pictures must be finite: pooling and ReLU may turn a NaN into
// a number.
class Plan {
 public:
  // Throws Error(kUnsupported), naming the node, for a graph that there are no kernels for.
  explicit Plan(const Graph& graph, const Kernels& kernels = BestKernels());
  ~Plan();

  // The memory that one pass needs. For one pass at a time.
  class Workspace;
  std::shared_ptr<Workspace> MakeWorkspace() const;

  const FrameLayout& frame() const;
  std::size_t workspace_floats() const;

  // Reads the picture in `frame` (frame().count floats) and writes every result except the logits.
  void Decouple(Workspace* workspace, float* frame) const;
  // Reads x_c in `frame` and writes the logits. Only for graphs with a classifier.
  void Classify(Workspace* workspace, float* frame) const;

  // The steps of both stages, in their order.
  struct StepInfo {
    std::string node, kernel;
  };
  std::vector<StepInfo> steps() const;
  // The steps with their operands, as a table of a line each.
  std::string ToText() const;
  // Runs both stages. step_ms[i] becomes the time of step i by `clock`, which returns milliseconds.
  void RunTimed(Workspace* workspace, float* frame, double (*clock)(),
                std::vector<double>* step_ms) const;

 private:
  template <typename AfterStep>
  void RunSteps(Workspace* workspace, float* frame, std::size_t begin, std::size_t end,
                const AfterStep& after_step) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar::cpu
