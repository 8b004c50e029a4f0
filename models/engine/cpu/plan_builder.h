// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/onednn_convolution.h"
#include "models/engine/cpu/plan.h"
#include "models/graph/graph.h"

// What a Plan is made of. For plan.cpp only.
namespace hepar::cpu {

// The memory of one pass.
struct Run {
  float* workspace;
  float* frame;
  std::vector<std::shared_ptr<OneDnnConvolution::Context>>* contexts;
};

struct Step {
  std::string node, kernel;
  std::function<void(const Run&)> run;
};

struct Program {
  std::vector<Step> steps;
  std::size_t decoupling_steps = 0;  // The others classify.
  std::vector<std::unique_ptr<OneDnnConvolution>> convolutions;
  FrameLayout frame;
  std::size_t workspace_floats = 0;
};

Program BuildProgram(const Graph& graph, const Kernels& kernels);

}  // namespace hepar::cpu
