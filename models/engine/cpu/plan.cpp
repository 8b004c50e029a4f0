// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/plan.h"

#include <variant>

#include "models/engine/cpu/program.h"
#include "models/engine/cpu/run_program.h"
#include "models/engine/cpu/steps.h"

namespace hepar::cpu {
namespace {

std::string KernelOf(const Step& step) {
  return std::visit([](const auto& op) { return op.kernel(); }, step.op);
}

}  // namespace

struct Plan::Impl {
  const Kernels& kernels;
  const Program program;
};

class Plan::Workspace : public ProgramWorkspace {
 public:
  using ProgramWorkspace::ProgramWorkspace;
};

Plan::Plan(const Graph& graph, const Kernels& kernels)
    : impl_(new Impl{kernels, BuildProgram(graph, kernels)}) {}
Plan::~Plan() = default;

std::shared_ptr<Plan::Workspace> Plan::MakeWorkspace() const {
  return std::make_shared<Workspace>(impl_->program);
}

const FrameLayout& Plan::frame() const { return impl_->program.frame; }
std::size_t Plan::workspace_floats() const { return impl_->program.workspace_floats; }

template <typename AfterStep>
void Plan::RunSteps(Workspace* workspace, float* frame, std::size_t begin, std::size_t end,
                    const AfterStep& after_step) const {
  RunProgram(impl_->program, impl_->kernels, workspace, frame, begin, end, after_step);
}

void Plan::Decouple(Workspace* workspace, float* frame) const {
  RunSteps(workspace, frame, 0, impl_->program.decoupling_steps, [](std::size_t) {});
}

void Plan::Classify(Workspace* workspace, float* frame) const {
  const Program& program = impl_->program;
  RunSteps(workspace, frame, program.decoupling_steps, program.steps.size(), [](std::size_t) {});
}

std::vector<Plan::StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const Step& step : impl_->program.steps) infos.push_back({step.node, KernelOf(step)});
  return infos;
}

std::string Plan::ToText() const { return cpu::ToText(impl_->program); }

void Plan::RunTimed(Workspace* workspace, float* frame, double (*clock)(),
                    std::vector<double>* step_ms) const {
  const Program& program = impl_->program;
  step_ms->resize(program.steps.size());
  double last = clock();
  RunSteps(workspace, frame, 0, program.steps.size(), [&](std::size_t step) {
    const double now = clock();
    (*step_ms)[step] = now - last;
    last = now;
  });
}

}  // namespace hepar::cpu
