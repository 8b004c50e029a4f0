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

// A graph made ready to run on the CPU, one picture at a time on one thread, at the precision of
// its kernels. What it reads from a frame and writes there has 32 bits in any case.
//
// All is decided here, once: each map's layout (blocked but for pictures and the results, so that
// concatenation is free where its parts can be written side by side), each convolution's kernel and
// packed weights, and the place of every map in one piece of memory. Immutable afterwards, so any
// number of threads may run one plan, each with a workspace of its own. Pictures must be finite:
// pooling and ReLU may turn what is no number into one.
class Plan {
 public:
  // Throws Error(kUnsupported), naming the node, for a graph that it has no kernels for.
  explicit Plan(const Graph& graph, const Kernels& kernels = BestKernels());
  ~Plan();

  class Workspace;
  std::shared_ptr<Workspace> MakeWorkspace() const;

  const FrameLayout& frame() const;
  std::size_t workspace_floats() const;

  // Reads the picture from `frame` (frame().count floats) and writes every result but the logits.
  void Decouple(Workspace* workspace, float* frame) const;
  // Reads x_c and writes the logits. Only where the graph has a classifier.
  void Classify(Workspace* workspace, float* frame) const;

  // What a pass does, step by step, for tables: node and kernel, and the time of each.
  struct StepInfo {
    std::string node, kernel;
  };
  std::vector<StepInfo> steps() const;
  // Both stages; step_ms[i] becomes the time of step i by `clock`, which reads milliseconds.
  void RunTimed(Workspace* workspace, float* frame, double (*clock)(),
                std::vector<double>* step_ms) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar::cpu
