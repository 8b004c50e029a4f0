// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/gradient_plan.h"

#include <algorithm>
#include <utility>

#include "models/engine/cpu/program.h"
#include "models/engine/cpu/run_program.h"

namespace hepar::cpu {

struct GradientPlan::Impl {
  const Kernels& kernels;
  const Program program;
};

class GradientPlan::Workspace : public ProgramWorkspace {
 public:
  using ProgramWorkspace::ProgramWorkspace;
};

GradientPlan::GradientPlan(const GradientGraph& graph, const Kernels& kernels)
    : impl_(new Impl{kernels, BuildProgram(graph, kernels)}) {}
GradientPlan::~GradientPlan() = default;

std::shared_ptr<GradientPlan::Workspace> GradientPlan::MakeWorkspace() const {
  return std::make_shared<Workspace>(impl_->program);
}

std::shared_ptr<GradientPlan::Workspace> GradientPlan::MakeWorkspace(Floats memory) const {
  return std::make_shared<Workspace>(impl_->program, std::move(memory));
}

Floats GradientPlan::Release(Workspace* workspace) { return std::move(workspace->memory); }

const FrameLayout& GradientPlan::frame() const { return impl_->program.frame; }
std::size_t GradientPlan::workspace_floats() const { return impl_->program.workspace_floats; }

void GradientPlan::Forward(Workspace* workspace, float* frame) const {
  RunProgram(impl_->program, impl_->kernels, workspace, frame, 0, impl_->program.forward_steps,
             [](std::size_t) {});
}

void GradientPlan::Backward(Workspace* workspace, float* frame, const Gradients& given,
                            float* picture) const {
  const Program& program = impl_->program;
  const auto copy = [&](const float* from, OperandId to) {
    if (to == kNoOperand) return;
    std::copy_n(from, program.operands[to].floats, AddressOf(program, to, *workspace, frame));
  };
  copy(given.logits, program.logits_gradient);
  copy(given.specific, program.specific_gradient);
  copy(given.common, program.common_gradient);
  RunProgram(program, impl_->kernels, workspace, frame, program.forward_steps, program.steps.size(),
             [](std::size_t) {});
  const OperandId result = program.picture_gradient;
  std::copy_n(AddressOf(program, result, *workspace, frame), program.operands[result].floats,
              picture);
}

std::string GradientPlan::ToText() const { return cpu::ToText(impl_->program); }

}  // namespace hepar::cpu
