// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/frame_layout.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/graph/gradient_graph.h"

namespace hepar::cpu {

// A gradient graph prepared to run on the CPU, as Plan: one picture at a time, on one thread. The
// maps of the forward pass that the backward pass reads keep their place in the workspace, which is
// therefore larger than that of a Plan.
//
// Immutable, so any number of threads may run one plan, each with its own workspace and frame. What
// a picture gets depends on nothing but the picture and the plan.
class GradientPlan {
 public:
  // Throws Error(kUnsupported), naming the node, for a graph that there are no kernels for.
  explicit GradientPlan(const GradientGraph& graph, const Kernels& kernels = BestKernels());
  ~GradientPlan();

  // What one picture needs from its forward pass to the end of its backward pass.
  class Workspace;
  std::shared_ptr<Workspace> MakeWorkspace() const;
  // The same in memory of workspace_floats() floats or more, which Release() gives back.
  std::shared_ptr<Workspace> MakeWorkspace(Floats memory) const;
  static Floats Release(Workspace* workspace);

  const FrameLayout& frame() const;
  std::size_t workspace_floats() const;

  // Reads the picture in `frame` (frame().count floats), and with kHeldFeatures the features, and
  // writes planes, features and logits.
  void Forward(Workspace* workspace, float* frame) const;

  // After Forward() with the same workspace and frame. The gradients that the graph takes are
  // those of a scalar by logits and, for kFeatures, features (planar; null otherwise). Writes the
  // gradient by the picture (planar).
  struct Gradients {
    const float *logits = nullptr, *specific = nullptr, *common = nullptr;
  };
  void Backward(Workspace* workspace, float* frame, const Gradients& given, float* picture) const;

  // The steps of both passes with their operands, as a table of a line each.
  std::string ToText() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar::cpu
