// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/graph/graph_builder.h"

#include <set>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

std::string TextOf(const Shape& s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" +
         std::to_string(s.width);
}

void Check(bool fits, const std::string& name, const Shape& shape) {
  if (!fits) {
    throw Error(ErrorKind::kMismatch,
                name + ": cannot work on " + TextOf(shape) + "; a larger input size may help");
  }
}

// Number of windows `stride` apart in `room`, which is negative where not even the first one fits.
int Windows(int room, int stride) { return room < 0 ? 0 : room / stride + 1; }

int WindowsIn(int side, int kernel, int stride, int padding, int dilation) {
  return Windows(side + 2 * padding - dilation * (kernel - 1) - 1, stride);
}

// As LibTorch: rounded up, but no window may begin beyond the map and its padding.
int PooledSide(int side, const MaxPool& pool) {
  const int round_up = pool.ceil_mode ? pool.stride - 1 : 0;
  const int windows = Windows(side + 2 * pool.padding - pool.kernel + round_up, pool.stride);
  const bool beyond = pool.ceil_mode && (windows - 1) * pool.stride >= side + pool.padding;
  return beyond ? windows - 1 : windows;
}

// w (s x + t) + b = (w s) x + (b + sum(w t)).
void FoldInto(const ScaleShift& before, Convolution* conv) {
  const std::size_t channels = before.scale.size(), outputs = conv->bias.size();
  const std::size_t taps = conv->weight.size() / (outputs * channels);
  for (std::size_t o = 0; o < outputs; ++o) {
    double shift = 0.0;
    for (std::size_t i = 0; i < channels; ++i) {
      float* w = &conv->weight[(o * channels + i) * taps];
      for (std::size_t k = 0; k < taps; ++k) {
        shift += static_cast<double>(w[k]) * before.shift[i];
        w[k] *= before.scale[i];
      }
    }
    conv->bias[o] += static_cast<float>(shift);
  }
}

}  // namespace

GraphBuilder::GraphBuilder(const Shape& picture) { graph_.values.push_back(picture); }

int GraphBuilder::Push(const std::string& name, Operator op, std::vector<int> inputs,
                       const Shape& shape) {
  const int id = static_cast<int>(graph_.values.size());
  graph_.values.push_back(shape);
  graph_.nodes.push_back({name, std::move(op), std::move(inputs), id});
  return id;
}

const Node* GraphBuilder::ProducerOf(int value) const {
  for (const Node& node : graph_.nodes) {
    if (node.output == value) return &node;
  }
  return nullptr;
}

int GraphBuilder::Append(const std::string& name, Convolution op, int x, int residual) {
  if (op.padding == 0 && op.groups == 1) {
    const Node* producer = ProducerOf(x);
    const auto* before = producer ? std::get_if<ScaleShift>(&producer->op) : nullptr;
    if (before && before->activation == Activation::kNone) {
      FoldInto(*before, &op);
      x = producer->inputs[0];
    }
  }
  const Shape in = shape(x);
  const Shape out = {static_cast<int>(op.bias.size()),
                     WindowsIn(in.height, op.kernel_height, op.stride, op.padding, op.dilation),
                     WindowsIn(in.width, op.kernel_width, op.stride, op.padding, op.dilation)};
  const std::size_t taps = static_cast<std::size_t>(op.kernel_height) * op.kernel_width;
  Check(out.height > 0 && out.width > 0 && in.channels % op.groups == 0 &&
            op.weight.size() == op.bias.size() * (in.channels / op.groups) * taps,
        name, in);
  std::vector<int> inputs = {x};
  if (op.residual != Residual::kNone) {
    Check(residual != Graph::kNoValue && shape(residual) == out, name, out);
    inputs.push_back(residual);
  }
  return Push(name, std::move(op), std::move(inputs), out);
}

int GraphBuilder::Append(const std::string& name, const MaxPool& op, int x) {
  const Shape in = shape(x);
  const Shape out = {in.channels, PooledSide(in.height, op), PooledSide(in.width, op)};
  Check(out.height > 0 && out.width > 0, name, in);
  return Push(name, op, {x}, out);
}

int GraphBuilder::Append(const std::string& name, const AdaptivePool& op, int x, int height,
                         int width) {
  Check(height > 0 && width > 0, name, shape(x));
  return Push(name, op, {x}, {shape(x).channels, height, width});
}

int GraphBuilder::Append(const std::string& name, const ChannelReduce& op, int x) {
  return Push(name, op, {x}, {1, shape(x).height, shape(x).width});
}

int GraphBuilder::Append(const std::string& name, const Upsample& op, int x, int height,
                         int width) {
  const Shape out = {shape(x).channels, height, width};
  if (out == shape(x) && op.activation == Activation::kNone) return x;
  return Push(name, op, {x}, out);
}

int GraphBuilder::Append(const std::string& name, const Concat& op,
                         const std::vector<int>& inputs) {
  Shape out = shape(inputs.at(0));
  out.channels = 0;
  for (const int input : inputs) {
    const Shape& in = shape(input);
    Check(in.height == out.height && in.width == out.width, name, in);
    out.channels += in.channels;
  }
  return Push(name, op, inputs, out);
}

int GraphBuilder::Append(const std::string& name, const Add& op, int x, int y) {
  Check(shape(x) == shape(y), name, shape(y));
  return Push(name, op, {x, y}, shape(x));
}

int GraphBuilder::Append(const std::string& name, const Multiply& op, int x, int y) {
  const Shape in = shape(x), by = shape(y);
  Check(by == in || by == Shape{in.channels, 1, 1} || by == Shape{1, in.height, in.width}, name,
        by);
  return Push(name, op, {x, y}, in);
}

int GraphBuilder::Append(const std::string& name, ScaleShift op, int x) {
  const Shape in = shape(x);
  Check(op.scale.size() == static_cast<std::size_t>(in.channels) &&
            op.shift.size() == op.scale.size(),
        name, in);
  return Push(name, std::move(op), {x}, in);
}

int GraphBuilder::Append(const std::string& name, PixelAttention op, int x) {
  const Shape in = shape(x);
  Check(
      in.channels % op.heads == 0 && op.norm_weight.size() == static_cast<std::size_t>(in.channels),
      name, in);
  return Push(name, std::move(op), {x}, in);
}

int GraphBuilder::Append(const std::string& name, const Lightness& op, int x) {
  Check(shape(x).channels == 3, name, shape(x));
  return Push(name, op, {x}, {1, shape(x).height, shape(x).width});
}

Graph GraphBuilder::Finish() {
  std::set<int> needed = {graph_.planes,           graph_.specific,       graph_.common,
                          graph_.auxiliary_logits, graph_.reconstruction, graph_.logits};
  std::vector<Node> kept;
  std::size_t decoupling = 0;
  for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
    Node& node = graph_.nodes[i];
    if (needed.count(node.output) == 0) continue;
    needed.insert(node.inputs.begin(), node.inputs.end());
    if (i < graph_.decoupling_nodes) ++decoupling;
    kept.push_back(std::move(node));
  }
  graph_.nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  graph_.decoupling_nodes = decoupling;
  return std::move(graph_);
}

}  // namespace hepar
