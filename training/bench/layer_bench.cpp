// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/bench/layer_bench.h"

#include <utility>
#include <variant>

#include "models/engine/cpu/plan.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

ordered_json MedianOrNull(const std::vector<double>& ms) {
  return ms.empty() ? ordered_json() : ordered_json(Median(ms));
}

}  // namespace

// A plan with what it needs to run.
class LayerBench::TimedPlan {
 public:
  TimedPlan(const Graph& graph, const cpu::Kernels& kernels)
      : plan_(graph, kernels),
        workspace_(plan_.MakeWorkspace()),
        frame_(plan_.frame().count, 0.5f) {}

  const cpu::Plan& plan() const { return plan_; }
  // The time of each step.
  std::vector<double> Run(ReadClock clock) {
    std::vector<double> ms;
    plan_.RunTimed(workspace_.get(), frame_.data(), clock, &ms);
    return ms;
  }

 private:
  cpu::Plan plan_;
  std::shared_ptr<cpu::Plan::Workspace> workspace_;
  std::vector<float> frame_;
};

LayerBench::LayerBench(const Graph& graph, ReadClock clock)
    : clock_(clock), fp32_(std::make_unique<TimedPlan>(graph, cpu::BestKernels())) {
  // The same steps, in the same order.
  if (const cpu::Kernels* kernels = cpu::Bf16Kernels())
    bf16_ = std::make_unique<TimedPlan>(graph, *kernels);
  for (const auto& step : fp32_->plan().steps()) {
    Layer layer;
    layer.node = step.node;
    layer.kernel = step.kernel;
    for (const Node& node : graph.nodes) {
      const auto* conv = std::get_if<Convolution>(&node.op);
      if (node.name != step.node) continue;
      const Shape &in = graph.values[node.inputs[0]], &out = graph.values[node.output];
      layer.macs = MacsOf(graph, node);
      layer.shape = std::to_string(in.channels) + ">" + std::to_string(out.channels) + " " +
                    std::to_string(out.height) + "x" + std::to_string(out.width);
      // A step that only converts the layout has the same name; the convolution comes last.
      if (conv) alone_[layers_.size()] = {conv, in, out, nullptr};
    }
    layers_.push_back(layer);
  }
  DropConversions();
  for (auto& [index, use] : alone_) {
    use.convolution = std::make_unique<StandaloneConvolution>(*use.op, use.in, use.out);
  }
}

LayerBench::~LayerBench() = default;

void LayerBench::Run() {
  const auto fp32 = fp32_->Run(clock_);
  const auto bf16 = bf16_ ? bf16_->Run(clock_) : std::vector<double>();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].engine_ms.push_back(fp32[i]);
    if (bf16_) layers_[i].bf16_ms.push_back(bf16[i]);
  }
  for (auto& [index, use] : alone_) {
    layers_[index].standalone_ms.push_back(Milliseconds(clock_, [&] { use.convolution->Run(); }));
  }
}

double LayerBench::RooflineMs() const {
  double sum = 0.0;
  for (const Layer& layer : layers_) {
    if (!layer.standalone_ms.empty()) sum += Median(layer.standalone_ms);
  }
  return sum;
}

void LayerBench::DropConversions() {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].kernel.rfind("to_", 0) == 0) alone_.erase(i);
  }
}

ordered_json LayersToJson(const std::vector<Layer>& layers) {
  ordered_json list = ordered_json::array();
  for (const Layer& layer : layers) {
    list.push_back({{"layer", layer.node},
                    {"kernel", layer.kernel},
                    {"shape", layer.shape},
                    {"macs", layer.macs},
                    {"engine_ms", Median(layer.engine_ms)},
                    {"engine_bf16_ms", MedianOrNull(layer.bf16_ms)},
                    {"standalone_ms", MedianOrNull(layer.standalone_ms)}});
  }
  return list;
}

}  // namespace hepar
