// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/plan.h"

#include <functional>
#include <utility>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/onednn_convolution.h"
#include "models/engine/cpu/plan_builder.h"

namespace hepar::cpu {
struct Plan::Impl {
  Program program;
};

class Plan::Workspace {
 public:
  explicit Workspace(const Program& program) : memory(AllocateFloats(program.workspace_floats)) {
    for (const auto& convolution : program.convolutions) {
      contexts.push_back(convolution->MakeContext());
    }
  }

  Floats memory;
  std::vector<std::shared_ptr<OneDnnConvolution::Context>> contexts;
};

Plan::Plan(const Graph& graph, const Kernels& kernels)
    : impl_(std::make_unique<Impl>(Impl{BuildProgram(graph, kernels)})) {}
Plan::~Plan() = default;

std::shared_ptr<Plan::Workspace> Plan::MakeWorkspace() const {
  return std::make_shared<Workspace>(impl_->program);
}

const FrameLayout& Plan::frame() const { return impl_->program.frame; }
std::size_t Plan::workspace_floats() const { return impl_->program.workspace_floats; }

namespace {

void RunSteps(const Program& program, Plan::Workspace* workspace, float* frame, std::size_t begin,
              std::size_t end, const std::function<void(std::size_t)>& after_step) {
  const SingleThreaded single;
  const Run run{workspace->memory.get(), frame, &workspace->contexts};
  for (std::size_t i = begin; i < end; ++i) {
    program.steps[i].run(run);
    if (after_step) after_step(i);
  }
}

}  // namespace

void Plan::Decouple(Workspace* workspace, float* frame) const {
  const Program& program = impl_->program;
  RunSteps(program, workspace, frame, 0, program.decoupling_steps, {});
}

void Plan::Classify(Workspace* workspace, float* frame) const {
  const Program& program = impl_->program;
  RunSteps(program, workspace, frame, program.decoupling_steps, program.steps.size(), {});
}

std::vector<Plan::StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const Step& step : impl_->program.steps) infos.push_back({step.node, step.kernel});
  return infos;
}

void Plan::RunTimed(Workspace* workspace, float* frame, double (*clock)(),
                    std::vector<double>* step_ms) const {
  const Program& program = impl_->program;
  step_ms->resize(program.steps.size());
  double last = clock();
  RunSteps(program, workspace, frame, 0, program.steps.size(), [&](std::size_t step) {
    const double now = clock();
    (*step_ms)[step] = now - last;
    last = now;
  });
}

}  // namespace hepar::cpu
