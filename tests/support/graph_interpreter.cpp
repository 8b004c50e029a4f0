// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/graph_interpreter.h"

#include <torch/nn/functional/upsampling.h>
#include <torch/utils.h>

#include <cmath>

#include "models/nets/color_space.h"

namespace hepar::testing {
namespace {

namespace F = torch::nn::functional;
using Inputs = std::vector<torch::Tensor>;

torch::Tensor Activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kSigmoid:
      return torch::sigmoid(x);
    case Activation::kNone:
      break;
  }
  return x;
}

struct Interpreter {
  const Inputs& in;
  const Shape& out;

  // In the type of the inputs.
  torch::Tensor Of(const std::vector<float>& values, std::vector<int64_t> shape = {-1}) const {
    return torch::tensor(values).to(in[0].scalar_type()).view(shape);
  }
  torch::Tensor operator()(const Convolution& op) const {
    const auto& x = in[0];
    auto y = torch::conv2d(
        x, Of(op.weight, {out.channels, x.size(1) / op.groups, op.kernel_height, op.kernel_width}),
        Of(op.bias), op.stride, op.padding, op.dilation, op.groups);
    if (op.residual == Residual::kBeforeActivation) y = y + in[1];
    y = Activate(y, op.activation);
    return op.residual == Residual::kAfterActivation ? y + in[1] : y;
  }
  torch::Tensor operator()(const MaxPool& op) const {
    return torch::max_pool2d(in[0], op.kernel, op.stride, op.padding, 1, op.ceil_mode);
  }
  torch::Tensor operator()(const AdaptivePool& op) const {
    const std::vector<int64_t> size = {out.height, out.width};
    if (op.kind == AdaptivePool::Kind::kMean) return torch::adaptive_avg_pool2d(in[0], size);
    return std::get<0>(torch::adaptive_max_pool2d(in[0], size));
  }
  torch::Tensor operator()(const ChannelReduce& op) const {
    return op.kind == ChannelReduce::Kind::kMax ? in[0].amax(1, true) : in[0].mean(1, true);
  }
  torch::Tensor operator()(const Upsample& op) const {
    return Activate(F::interpolate(in[0], F::InterpolateFuncOptions()
                                              .size(std::vector<int64_t>{out.height, out.width})
                                              .mode(torch::kBilinear)
                                              .align_corners(false)),
                    op.activation);
  }
  torch::Tensor operator()(const Concat&) const { return torch::cat(in, 1); }
  torch::Tensor operator()(const Add& op) const { return Activate(in[0] + in[1], op.activation); }
  torch::Tensor operator()(const Multiply&) const { return in[0] * in[1]; }
  torch::Tensor operator()(const ScaleShift& op) const {
    return Activate(in[0] * Of(op.scale, {1, -1, 1, 1}) + Of(op.shift, {1, -1, 1, 1}),
                    op.activation);
  }
  torch::Tensor operator()(const PixelAttention& op) const {
    const int64_t c = out.channels, d = c / op.heads;
    const auto tokens = in[0].flatten(2)[0].t();  // N, C
    const auto t = torch::layer_norm(tokens, {c}, Of(op.norm_weight), Of(op.norm_bias), op.epsilon);
    const auto qkv = torch::linear(t, Of(op.qkv_weight, {3 * c, c}), Of(op.qkv_bias));
    std::vector<torch::Tensor> mixed;
    for (int64_t h = 0; h < op.heads; ++h) {
      const auto part = [&](int64_t which) { return qkv.narrow(1, which * c + h * d, d); };
      const auto scores = torch::matmul(part(0), part(1).t()) / std::sqrt(static_cast<double>(d));
      mixed.push_back(torch::matmul(torch::softmax(scores, 1), part(2)));
    }
    const auto y =
        torch::linear(torch::cat(mixed, 1), Of(op.proj_weight, {c, c}), Of(op.proj_bias));
    return in[0] + y.t().reshape({1, c, out.height, out.width});
  }
  torch::Tensor operator()(const Lightness&) const {
    return SelectPlanes(in[0], ColorPlanes::kLabL);
  }
};

}  // namespace

std::vector<torch::Tensor> Interpret(const Graph& graph, const torch::Tensor& picture) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> values(graph.values.size());
  values[0] = picture;
  for (const Node& node : graph.nodes) {
    Inputs inputs;
    for (const int input : node.inputs) inputs.push_back(values[input]);
    values[node.output] =
        std::visit(Interpreter{inputs, graph.values[node.output]}, node.op).contiguous();
    const Shape& shape = graph.values[node.output];
    TORCH_CHECK(values[node.output].sizes().vec() ==
                    (std::vector<int64_t>{1, shape.channels, shape.height, shape.width}),
                node.name, ": the shape is ", values[node.output].sizes());
  }
  return values;
}

}  // namespace hepar::testing
