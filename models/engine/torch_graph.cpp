// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_graph.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "models/log.h"
#include "models/nets/color_space.h"

namespace hepar {
namespace {

using Maps = std::vector<torch::Tensor>;
using Operation = std::function<torch::Tensor(const Maps&)>;

// Puts the constants of nodes on the device.
struct Constants {
  torch::Device device;
  torch::ScalarType type;

  torch::Tensor Of(const std::vector<float>& values, const std::vector<int64_t>& shape) const {
    const auto host =
        torch::from_blob(const_cast<float*>(values.data()), shape, torch::kFloat32).clone();
    const auto placed = host.to(device, type);
    return placed.dim() == 4 ? placed.contiguous(at::MemoryFormat::ChannelsLast) : placed;
  }
  torch::Tensor Vector(const std::vector<float>& values) const {
    return Of(values, {static_cast<int64_t>(values.size())});
  }
};

// In place: `x` is the result of the step's own operator.
torch::Tensor Activate(torch::Tensor x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return x.relu_();
    case Activation::kSigmoid:
      return x.sigmoid_();
    case Activation::kNone:
      break;
  }
  return x;
}

struct PreparedConvolution {
  torch::Tensor weight, bias;
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups = 1;
  Activation activation = Activation::kNone;
  Residual residual = Residual::kNone;
  bool is_fused = false;

  bool CanBeFused() const {
    return weight.is_cuda() && groups == 1 && activation == Activation::kRelu;
  }

  torch::Tensor Plain(const Maps& in) const {
    auto y = at::conv2d(in[0], weight, bias, stride, padding, dilation, groups);
    if (residual == Residual::kBeforeActivation) y.add_(in[1]);
    y = Activate(std::move(y), activation);
    if (residual == Residual::kAfterActivation) {
      // The gradient of the activation needs its result.
      y = torch::GradMode::is_enabled() ? y + in[1] : y.add_(in[1]);
    }
    return y;
  }

  // cuDNN's fused operators have no gradient.
  torch::Tensor Fused(const Maps& in) const {
    if (residual == Residual::kBeforeActivation) {
      return at::cudnn_convolution_add_relu(in[0], weight, in[1], /*alpha=*/1.0, bias, stride,
                                            padding, dilation, groups);
    }
    auto y = at::cudnn_convolution_relu(in[0], weight, bias, stride, padding, dilation, groups);
    if (residual == Residual::kAfterActivation) y.add_(in[1]);
    return y;
  }

  // cuDNN may lack a kernel for a type or shape on this card.
  void Probe(const std::string& name, const Shape& in, const Shape& out) {
    if (!CanBeFused()) return;
    const auto zeros = [this](const Shape& shape) {
      return at::zeros({1, shape.channels, shape.height, shape.width}, weight.options())
          .contiguous(at::MemoryFormat::ChannelsLast);
    };
    Maps maps;
    maps.reserve(2);
    maps.push_back(zeros(in));
    if (residual != Residual::kNone) maps.push_back(zeros(out));
    try {
      Fused(maps);
      is_fused = true;
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const c10::Error& error) {
      const std::string text = error.what_without_backtrace();
      Log(LogLevel::kDebug,
          name + " is not fused with its activation: " + text.substr(0, text.find('\n')));
    }
  }
};

// By node: whether a result that Run() returns depends on it. IC1's answer to its own question, a
// result of training, is none of them.
std::vector<bool> NeededNodes(const Graph& graph) {
  std::set<int> values = {graph.planes, graph.specific, graph.common, graph.reconstruction,
                          graph.logits};
  std::vector<bool> needed(graph.nodes.size());
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    needed[i] = values.count(graph.nodes[i].output) != 0;
    if (needed[i]) values.insert(graph.nodes[i].inputs.begin(), graph.nodes[i].inputs.end());
  }
  return needed;
}

// Makes the closure of a node. `in` and `out` are shapes for one picture.
struct Preparation {
  const Constants& constants;
  const Graph& graph;
  const Node& node;
  std::size_t* fused;

  const Shape& in() const { return graph.values[node.inputs[0]]; }
  const Shape& out() const { return graph.values[node.output]; }

  Operation operator()(const Convolution& op) const {
    auto conv = std::make_shared<PreparedConvolution>();
    conv->weight = constants.Of(
        op.weight, {out().channels, in().channels / op.groups, op.kernel_height, op.kernel_width});
    conv->bias = constants.Vector(op.bias);
    conv->stride = {op.stride, op.stride};
    conv->padding = {op.padding, op.padding};
    conv->dilation = {op.dilation, op.dilation};
    conv->groups = op.groups;
    conv->activation = op.activation;
    conv->residual = op.residual;
    conv->Probe(node.name, in(), out());
    if (conv->is_fused) ++*fused;
    return [conv](const Maps& maps) {
      const bool fused = conv->is_fused && !torch::GradMode::is_enabled();
      return fused ? conv->Fused(maps) : conv->Plain(maps);
    };
  }
  Operation operator()(const MaxPool& op) const {
    return [op](const Maps& maps) {
      return at::max_pool2d(maps[0], {op.kernel, op.kernel}, {op.stride, op.stride},
                            {op.padding, op.padding}, {1, 1}, op.ceil_mode);
    };
  }
  Operation operator()(const AdaptivePool& op) const {
    const std::vector<int64_t> size = {out().height, out().width};
    const bool whole = out().pixels() == 1;
    if (op.kind == AdaptivePool::Kind::kMax) {
      if (whole) return [](const Maps& maps) { return maps[0].amax({2, 3}, /*keepdim=*/true); };
      return
          [size](const Maps& maps) { return std::get<0>(at::adaptive_max_pool2d(maps[0], size)); };
    }
    if (whole) return [](const Maps& maps) { return maps[0].mean({2, 3}, /*keepdim=*/true); };
    return [size](const Maps& maps) { return at::adaptive_avg_pool2d(maps[0], size); };
  }
  Operation operator()(const ChannelReduce& op) const {
    if (op.kind == ChannelReduce::Kind::kMax) {
      return [](const Maps& maps) { return maps[0].amax({1}, /*keepdim=*/true); };
    }
    return [](const Maps& maps) { return maps[0].mean({1}, /*keepdim=*/true); };
  }
  Operation operator()(const Upsample& op) const {
    const std::vector<int64_t> size = {out().height, out().width};
    const Activation activation = op.activation;
    return [size, activation](const Maps& maps) {
      return Activate(at::upsample_bilinear2d(maps[0], size, /*align_corners=*/false), activation);
    };
  }
  Operation operator()(const Concat&) const {
    return [](const Maps& maps) { return at::cat(maps, 1); };
  }
  Operation operator()(const Add& op) const {
    const Activation activation = op.activation;
    return [activation](const Maps& maps) { return Activate(maps[0] + maps[1], activation); };
  }
  Operation operator()(const Multiply&) const {
    return [](const Maps& maps) { return maps[0] * maps[1]; };
  }
  Operation operator()(const ScaleShift& op) const {
    const int64_t channels = in().channels;
    const auto scale = constants.Of(op.scale, {1, channels, 1, 1});
    const auto shift = constants.Of(op.shift, {1, channels, 1, 1});
    const Activation activation = op.activation;
    return [scale, shift, activation](const Maps& maps) {
      return Activate(at::addcmul(shift, maps[0], scale), activation);
    };
  }
  Operation operator()(const PixelAttention& op) const {
    const int64_t c = in().channels, heads = op.heads, width = c / heads;
    const auto norm_weight = constants.Vector(op.norm_weight);
    const auto norm_bias = constants.Vector(op.norm_bias);
    const auto qkv_weight = constants.Of(op.qkv_weight, {3 * c, c});
    const auto qkv_bias = constants.Vector(op.qkv_bias);
    const auto proj_weight = constants.Of(op.proj_weight, {c, c});
    const auto proj_bias = constants.Vector(op.proj_bias);
    const double epsilon = op.epsilon, scale = 1.0 / std::sqrt(static_cast<double>(width));
    return [=](const Maps& maps) {
      const auto& x = maps[0];
      const int64_t batch = x.size(0), height = x.size(2), columns = x.size(3);
      const int64_t tokens = height * columns;
      // A view where the map is channels-last.
      const auto pixels = x.permute({0, 2, 3, 1}).reshape({batch, tokens, c});
      const auto normed = at::layer_norm(pixels, {c}, norm_weight, norm_bias, epsilon);
      const auto qkv = at::linear(normed, qkv_weight, qkv_bias)
                           .view({batch, tokens, 3, heads, width})
                           .permute({2, 0, 3, 1, 4});  // 3, batch, heads, tokens, width.
      const auto scores = at::matmul(qkv[0] * scale, qkv[1].transpose(-2, -1));
      const auto mixed =
          at::matmul(at::softmax(scores, -1), qkv[2]).transpose(1, 2).reshape({batch, tokens, c});
      const auto y = at::linear(mixed, proj_weight, proj_bias);
      return x + y.view({batch, height, columns, c}).permute({0, 3, 1, 2});
    };
  }
  Operation operator()(const Lightness&) const {
    const torch::ScalarType type = constants.type;
    // The powers of 16-bit numbers are too coarse.
    return [type](const Maps& maps) {
      return SelectPlanes(maps[0].to(torch::kFloat32), ColorPlanes::kLabL).to(type);
    };
  }
};

}  // namespace

TorchGraph::TorchGraph(const Graph& graph, const torch::Device& device, torch::ScalarType type)
    : device_(device),
      type_(type),
      picture_(graph.values[0]),
      values_(static_cast<int>(graph.values.size())),
      planes_(graph.planes),
      specific_(graph.specific),
      common_(graph.common),
      reconstruction_(graph.reconstruction),
      logits_(graph.logits) {
  // Not InferenceMode: autograd cannot keep the tensors that are made there.
  const torch::NoGradGuard no_grad;
  const Constants constants = {device, type};
  const std::vector<bool> needed = NeededNodes(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes[i];
    Operation run = std::visit(Preparation{constants, graph, node, &fused_}, node.op);
    steps_.push_back({std::move(run), node.inputs, node.output, {}});
  }
  FreeAfterLastUse(graph);
}

// Memory that is freed is used again by the next step, also inside a captured graph.
void TorchGraph::FreeAfterLastUse(const Graph& graph) {
  std::set<int> used = {graph.planes, graph.specific, graph.common, graph.reconstruction,
                        graph.logits};
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    for (const int input : step->inputs) {
      if (used.insert(input).second) step->last_used.push_back(input);
    }
  }
}

TorchGraph::Results TorchGraph::Run(const torch::Tensor& pictures) const {
  const c10::InferenceMode inference;
  return RunSteps(pictures);
}

torch::Tensor TorchGraph::PictureGradient(const torch::Tensor& pictures,
                                          const torch::Tensor& by_logits) const {
  const c10::InferenceMode no_inference(false);
  const torch::AutoGradMode with_gradients(true);
  const auto x = pictures.clone().requires_grad_();
  const auto logits = RunSteps(x).logits;
  // The small numbers of a gradient vanish in fp16 without it.
  const double factor = type_ == torch::kHalf ? 1024.0 : 1.0;
  const auto given = by_logits.to(logits.options()) * factor;
  return torch::autograd::grad({logits}, {x}, {given})[0].to(torch::kFloat32) / factor;
}

TorchGraph::Results TorchGraph::RunSteps(const torch::Tensor& pictures) const {
  Maps values(static_cast<std::size_t>(values_));
  values[0] = pictures.to(type_);
  Maps inputs;
  for (const Step& step : steps_) {
    inputs.clear();
    for (const int input : step.inputs) inputs.push_back(values[input]);
    values[step.output] = step.run(inputs);
    for (const int value : step.last_used) values[value] = torch::Tensor();
  }
  const auto result = [&values](int id) {
    return id == Graph::kNoValue ? torch::Tensor() : values[id];
  };
  Results results = {result(planes_), result(specific_), result(common_), result(reconstruction_),
                     result(logits_)};
  if (results.logits.defined()) results.logits = results.logits.flatten(1);
  return results;
}

torch::Tensor TorchGraph::InputFor(int64_t batch) const {
  // Only empty() sets the strides where there is one channel.
  auto input = at::empty({batch, picture_.channels, picture_.height, picture_.width},
                         torch::TensorOptions(device_).dtype(torch::kFloat32),
                         at::MemoryFormat::ChannelsLast);
  return input.zero_();
}

}  // namespace hepar
