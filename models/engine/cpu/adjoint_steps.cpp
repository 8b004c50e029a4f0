// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Gradients, but for those of convolutions (convolution_steps.cpp).
#include <algorithm>
#include <utility>

#include "models/engine/cpu/kernels/packing.h"
#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {
namespace {

// A table by row, of entries that are known by column.
class Transposer {
 public:
  explicit Transposer(int rows) : rows_(rows) {}
  void Add(int row, int column, float weight) { rows_[row].push_back({column, weight}); }
  AxisEntries Finish() const {
    AxisEntries entries;
    for (const auto& row : rows_) {
      entries.begin.push_back(static_cast<int>(entries.index.size()));
      for (const auto& [column, weight] : row) {
        entries.index.push_back(column);
        entries.weight.push_back(weight);
      }
    }
    entries.begin.push_back(static_cast<int>(entries.index.size()));
    return entries;
  }

 private:
  std::vector<std::vector<std::pair<int, float>>> rows_;
};

AxisEntries InterpolationAdjoint(int in, int out) {
  const InterpolationTable table(in, out);
  Transposer transposer(in);
  for (int i = 0; i < out; ++i) {
    transposer.Add(table.low[i], i, 1.f - table.weight[i]);
    transposer.Add(table.high[i], i, table.weight[i]);
  }
  return transposer.Finish();
}

AxisEntries MeanAdjoint(int in, int out) {
  Transposer transposer(in);
  for (int i = 0; i < out; ++i) {
    const int begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
    for (int at = begin; at < end; ++at) {
      transposer.Add(at, i, 1.f / static_cast<float>(end - begin));
    }
  }
  return transposer.Finish();
}

std::size_t NumbersOf(const Placement& map, const Kernels& kernels) {
  return map.planar ? map.floats : map.floats * static_cast<std::size_t>(kernels.pair);
}

// `gradient` has a layout of its own; the result has that of the node.
void AddResample(AxisEntries rows, AxisEntries columns, ProgramBuilder* builder) {
  ResampleAdjointStep step;
  step.rows = std::move(rows);
  step.columns = std::move(columns);
  step.in = ExtentOf(builder->input_shape());
  step.out = ExtentOf(builder->output_shape());
  const int lanes = builder->kernels().lanes;
  const std::size_t scratch = static_cast<std::size_t>(step.in.width) * lanes;
  if (builder->output().planar) {
    step.planar = true;
    step.blocks = builder->output_shape().channels;
    const Placement gradient = builder->PlanarInput();
    return builder->WithSeparateEnd(
        [&] { builder->Add(std::move(step), gradient, builder->output(), nullptr, scratch); });
  }
  const Placement gradient = builder->BlockedInput();
  CheckSameLanes(gradient, builder->output(), "gradient of a resampling");
  step.blocks = gradient.blocks;
  step.adds = builder->residual() != nullptr;
  builder->Add(std::move(step), gradient, builder->output(), builder->residual(), scratch,
               builder->gate());
}

// Adds the steps for the adjoint of a node with respect to its input number `input`.
class AdjointEmitter {
 public:
  AdjointEmitter(const Node& forward, int input, ProgramBuilder* builder)
      : forward_(forward), input_(input), builder_(*builder) {}

  void operator()(const Convolution& op) const { EmitConvolutionAdjoint(op, &builder_); }

  void operator()(const MaxPool& op) const {
    const Placement gradient = builder_.BlockedInput(), x = builder_.Blocked(forward_.inputs[0]);
    CheckSameLanes(gradient, x, "gradient of a pooling");
    const Shape in = builder_.output_shape();
    MaxPoolAdjointStep step{op, ExtentOf(in), ExtentOf(builder_.input_shape()), x.blocks,
                            builder_.gate() != nullptr};
    const std::size_t scratch = in.pixels() * builder_.kernels().lanes;
    if (!builder_.output().planar) {
      // The gate, where there is one, is what was pooled.
      builder_.Add(std::move(step), gradient, builder_.output(), &x, scratch, builder_.residual());
      return;
    }
    step.gated = false;
    builder_.WithSeparateEnd([&] {
      builder_.WithBlockedOutput(
          [&](const Placement& out) { builder_.Add(std::move(step), gradient, out, &x, scratch); });
    });
  }

  void operator()(const AdaptivePool& op) const {
    const Shape &in = builder_.output_shape(), &out = builder_.input_shape();
    if (op.kind == AdaptivePool::Kind::kMean) {
      return AddResample(MeanAdjoint(in.height, out.height), MeanAdjoint(in.width, out.width),
                         &builder_);
    }
    if (out.pixels() != 1) {
      throw Error(ErrorKind::kUnsupported, "no kernel for the gradient of maxima over windows");
    }
    const Placement gradient = builder_.BlockedInput(), x = builder_.Blocked(forward_.inputs[0]);
    CheckSameLanes(gradient, x, "gradient of a pooling");
    InBlocks([&](const Placement& to) {
      builder_.Add(GlobalMaxAdjointStep{x.blocks, in.pixels()}, gradient, to, &x);
    });
  }

  void operator()(const ChannelReduce& op) const {
    const Placement gradient = builder_.PlanarInput(), x = builder_.Blocked(forward_.inputs[0]),
                    reduced = builder_.Planar(forward_.output);
    InBlocks([&](const Placement& to) {
      CheckSameLanes(x, to, "gradient of a reduction");
      builder_.Add(
          ChannelReduceAdjointStep{op.kind, x.used_lanes, builder_.output_shape().pixels()},
          gradient, to, &x, 0, &reduced);
    });
  }

  void operator()(const Upsample& /*op*/) const {
    const Shape &in = builder_.output_shape(), &out = builder_.input_shape();
    AddResample(InterpolationAdjoint(in.height, out.height),
                InterpolationAdjoint(in.width, out.width), &builder_);
  }

  void operator()(const Multiply& /*op*/) const {
    const Shape x_shape = builder_.input_shape(), y_shape = builder_.ShapeOf(forward_.inputs[1]);
    if (x_shape == y_shape && y_shape.pixels() > 1) {
      throw Error(ErrorKind::kUnsupported, "no kernel for a product of two maps");
    }
    const bool by_pixel = y_shape.channels == 1 && y_shape.pixels() > 1;
    const Placement gradient = builder_.BlockedInput();
    const std::size_t pixels = x_shape.pixels();
    if (input_ == 0) {
      const Placement y =
          by_pixel ? builder_.Planar(forward_.inputs[1]) : builder_.Blocked(forward_.inputs[1]);
      if (!by_pixel) CheckSameLanes(gradient, y, "gradient of a product");
      return InBlocks([&](const Placement& to) {
        CheckSameLanes(gradient, to, "gradient of a product");
        builder_.Add(MultiplyStep{by_pixel, gradient.blocks, pixels}, gradient, to, &y);
      });
    }
    const Placement x = builder_.Blocked(forward_.inputs[0]);
    CheckSameLanes(gradient, x, "gradient of a product");
    const ProductStep step{by_pixel, gradient.blocks, pixels};
    if (!by_pixel) {
      return InBlocks([&](const Placement& to) { builder_.Add(step, gradient, to, &x); });
    }
    if (!builder_.output().planar) {
      throw Error(ErrorKind::kUnsupported, "no kernel for the gradient of this product");
    }
    builder_.WithSeparateEnd([&] { builder_.Add(step, gradient, builder_.output(), &x); });
  }

  void operator()(const ScaleShift& op) const {
    const Placement gradient = builder_.PlanarInput();
    ScaleShift scale{op.scale, std::vector<float>(op.scale.size(), 0.f), Activation::kNone};
    const std::size_t pixels = builder_.output_shape().pixels();
    if (builder_.output().planar) {
      return builder_.WithSeparateEnd([&] {
        builder_.Add(ScaleShiftStep{std::move(scale), pixels}, gradient, builder_.output());
      });
    }
    const Placement scaled = builder_.NewBuffer(PlanarPlacement(builder_.output_shape()));
    builder_.Add(ScaleShiftStep{std::move(scale), pixels}, gradient, scaled);
    builder_.WithSeparateEnd([&] {
      CheckSameLanes(builder_.output(),
                     BlockedPlacement(builder_.output_shape(), builder_.kernels()),
                     "gradient of a scale");
      builder_.Add(ToBlockedStep{builder_.output_shape().channels, pixels}, scaled,
                   builder_.output());
    });
  }

  void operator()(const PixelAttention& op) const {
    const Placement gradient = builder_.BlockedInput(), x = builder_.Blocked(forward_.inputs[0]);
    CheckSameLanes(gradient, x, "gradient of attention");
    const int channels = builder_.output_shape().channels;
    const int tokens = static_cast<int>(builder_.output_shape().pixels());
    const auto transposed = [channels](const std::vector<float>& w) {
      const std::size_t rows = w.size() / channels;
      std::vector<float> result(w.size());
      for (std::size_t r = 0; r < rows; ++r) {
        for (int c = 0; c < channels; ++c) result[c * rows + r] = w[r * channels + c];
      }
      return result;
    };
    InBlocks([&](const Placement& to) {
      builder_.Add(AttentionAdjointStep{op, tokens, channels, transposed(op.qkv_weight),
                                        transposed(op.proj_weight)},
                   gradient, to, &x, AttentionAdjointWorkspace(tokens, channels));
    });
  }

  // These pass their gradient on, or have no adjoint; no node of a gradient graph is theirs.
  void operator()(const Concat& /*op*/) const { Refuse(); }
  void operator()(const hepar::Add& /*op*/) const { Refuse(); }
  void operator()(const Lightness& /*op*/) const { Refuse(); }

 private:
  [[noreturn]] static void Refuse() {
    throw Error(ErrorKind::kUnsupported, "the operator has no adjoint");
  }

  // With a kernel that writes a blocked map and neither adds nor gates.
  template <typename Function>
  void InBlocks(const Function& emit) const {
    builder_.WithSeparateEnd([&] { builder_.WithBlockedOutput(emit); });
  }

  const Node& forward_;
  const int input_;
  ProgramBuilder& builder_;
};

class GradientEmitter {
 public:
  GradientEmitter(const GradientGraph& graph, const GradientNode& node, ProgramBuilder* builder)
      : graph_(graph), node_(node), builder_(*builder) {}

  void operator()(const NodeAdjoint& op) const {
    const Node& forward = graph_.forward.nodes[op.node];
    std::visit(AdjointEmitter(forward, op.input, &builder_), forward.op);
  }

  void operator()(const SigmoidAdjoint& op) const {
    const bool planar = builder_.output().planar;
    const Placement gradient = planar ? builder_.PlanarInput() : builder_.BlockedInput();
    const Placement y = planar ? builder_.Planar(op.value) : builder_.Blocked(op.value);
    if (!planar) CheckSameLanes(gradient, y, "gradient of a sigmoid");
    builder_.Add(SigmoidAdjointStep{planar, NumbersOf(y, builder_.kernels())}, gradient,
                 builder_.output(), &y);
  }

  // It lies where it is; only its layout is checked.
  void operator()(const Part& op) const {
    const Node& concat = graph_.forward.nodes[op.node];
    const Placement& whole = builder_.input();
    if (whole.planar) return;
    int blocks = 0;
    std::vector<int> lane_of;
    for (const int input : concat.inputs) {
      const Placement part = BlockedPlacement(builder_.ShapeOf(input), builder_.kernels());
      for (const int lane : part.lane_of) {
        lane_of.push_back(blocks * builder_.kernels().lanes + lane);
      }
      blocks += part.blocks;
    }
    if (lane_of != whole.lane_of) {
      throw Error(ErrorKind::kUnsupported, "no kernel for the gradient of this concatenation");
    }
  }

  void operator()(const Identity&) const {
    const bool planar = builder_.output().planar;
    const Placement gradient = planar ? builder_.PlanarInput() : builder_.BlockedInput();
    CheckSameLanes(gradient, builder_.output(), "sum of gradients");
    builder_.AddFinish(gradient, builder_.output());
  }

 private:
  const GradientGraph& graph_;
  const GradientNode& node_;
  ProgramBuilder& builder_;
};

}  // namespace

void Emit(const GradientGraph& graph, const GradientNode& node, ProgramBuilder* builder) {
  std::visit(GradientEmitter(graph, node, builder), node.op);
}

void Run(const FinishStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.finish(memory.source, memory.second, memory.third, step.count, step.planar,
                      memory.destination);
}

void Run(const SigmoidAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.sigmoid_adjoint(memory.source, memory.second, step.count, step.planar,
                               memory.destination);
}

void Run(const ResampleAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  ResampleAdjointArgs args;
  args.source = memory.source;
  args.destination = memory.destination;
  args.in = step.in;
  args.out = step.out;
  args.blocks = step.blocks;
  args.rows = step.rows.get();
  args.columns = step.columns.get();
  args.epilogue = {Activation::kNone, step.adds ? Residual::kBeforeActivation : Residual::kNone,
                   memory.second, memory.third};
  args.workspace = memory.scratch;
  (step.planar ? pass.kernels.resample_adjoint_planar : pass.kernels.resample_adjoint)(args);
}

void Run(const MaxPoolAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  MaxPoolAdjointArgs args;
  args.source = memory.source;
  args.x = memory.second;
  args.residual = memory.third;
  args.destination = memory.destination;
  args.in = step.in;
  args.out = step.out;
  args.blocks = step.blocks;
  args.kernel = step.op.kernel;
  args.stride = step.op.stride;
  args.padding = step.op.padding;
  args.gated = step.gated;
  args.workspace = memory.scratch;
  pass.kernels.max_pool_adjoint(args);
}

void Run(const GlobalMaxAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.global_max_adjoint(memory.source, memory.second, step.blocks, step.pixels,
                                  memory.destination);
}

void Run(const ChannelReduceAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.channel_reduce_adjoint(
      memory.source, memory.second, memory.third, step.used_lanes.data(),
      static_cast<int>(step.used_lanes.size()), step.pixels, step.kind, memory.destination);
}

void Run(const ProductStep& step, const StepMemory& memory, const Pass& pass) {
  if (step.by_pixel) {
    pass.kernels.product_by_pixel(memory.source, memory.second, step.blocks, step.pixels,
                                  memory.destination);
  } else {
    pass.kernels.product_by_channel(memory.source, memory.second, step.blocks, step.pixels,
                                    memory.destination);
  }
}

void Run(const AttentionAdjointStep& step, const StepMemory& memory, const Pass& pass) {
  AttentionAdjointArgs args;
  args.forward = AttentionArgsOf(step.op, step.tokens, step.channels);
  args.forward.source = memory.second;
  args.forward.workspace = memory.scratch;
  args.source = memory.source;
  args.destination = memory.destination;
  args.qkv_transposed = step.qkv_transposed.data();
  args.proj_transposed = step.proj_transposed.data();
  pass.kernels.attention_adjoint(args);
}

}  // namespace hepar::cpu
