// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/bench/traced_module.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/torch.h>

#include <utility>

namespace hepar {

torch::jit::Module OptimisedTorchScript(SeverityNet net, int channels, int side) {
  const torch::NoGradGuard no_grad;
  // Parameters that ask for no gradient become constants of the trace.
  for (auto& parameter : net->parameters()) parameter.set_requires_grad(false);
  const auto traced = torch::jit::tracer::trace(
      {torch::zeros({1, channels, side, side})},
      [&net](torch::jit::Stack inputs) {
        return torch::jit::Stack{net->forward(inputs[0].toTensor())};
      },
      [](const torch::Tensor&) { return std::string(); }, /*strict=*/true,
      /*force_outplace=*/true);
  const std::shared_ptr<torch::jit::Graph> graph = traced.first->graph;

  torch::jit::Module module("Traced");
  graph->insertInput(0, "self")->setType(module.type());
  const auto function =
      module._ivalue()->compilation_unit()->create_function("Traced.forward", graph);
  module.type()->addMethod(function);
  module.register_attribute("training", torch::jit::BoolType::get(), false);
  return torch::jit::optimize_for_inference(module);
}

}  // namespace hepar
