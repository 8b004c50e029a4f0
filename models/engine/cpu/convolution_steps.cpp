// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Convolutions: the choice of a kernel for each, its packed weights, and how it runs.
#include <algorithm>
#include <utility>

#include "models/engine/cpu/kernels/packing.h"
#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {
namespace {

// A convolution of more planar channels is faster in blocked layout.
constexpr int kMostPlanarChannels = 4;

// Per-channel values in the lanes of a map; 0 in unused lanes.
std::vector<float> InLanes(const std::vector<float>& values, const Placement& map, int lanes) {
  std::vector<float> result(static_cast<std::size_t>(map.blocks) * lanes, 0.f);
  for (std::size_t c = 0; c < values.size(); ++c) result[map.lane_of[c]] = values[c];
  return result;
}

Epilogue EpilogueOf(const Convolution& op) {
  return {op.activation, op.residual, nullptr, nullptr};
}

bool IsDepthwise(const Convolution& op, const ProgramBuilder& builder) {
  return op.groups == builder.input_shape().channels &&
         op.groups == builder.output_shape().channels;
}

void EmitWinograd(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  const Kernels& kernels = builder->kernels();
  const PackedInputs input = PackedInputsOf(in.used_lanes, kernels);
  WinogradStep step;
  step.args.extent = ExtentOf(builder->input_shape());
  step.args.dilation = op.dilation;
  step.args.in_blocks = in.blocks;
  step.args.out_blocks = out.blocks;
  step.args.depth = input.depth;
  step.args.epilogue = EpilogueOf(op);
  step.args.tiles_at_once =
      WinogradTilesAtOnce(input.depth, out.blocks, step.args.extent, op.dilation, kernels);
  step.used_lanes = in.used_lanes;
  step.weights = AllocateFloats(PackedFloats(kWinogradPoints, input.depth, out.blocks, kernels));
  PackWinogradWeights(op.weight.data(), input, out.lane_of, out.blocks, kernels,
                      step.weights.get());
  step.bias = InLanes(op.bias, out, kernels.lanes);
  const std::size_t scratch =
      WinogradWorkspace(input.depth, out.blocks, step.args.tiles_at_once, kernels);
  builder->Add(std::move(step), in, out, builder->residual(), scratch, builder->gate());
}

PointwiseStep MakePointwise(const Convolution& op, const Placement& in, const Placement& out,
                            std::size_t pixels, const Kernels& kernels) {
  const PackedInputs input = PackedInputsOf(in.used_lanes, kernels);
  PointwiseStep step;
  step.args.pixels = pixels;
  step.args.in_blocks = in.blocks;
  step.args.out_blocks = out.blocks;
  step.args.epilogue = EpilogueOf(op);
  step.used_lanes = in.used_lanes;
  step.weights = AllocateFloats(PackedFloats(1, input.depth, out.blocks, kernels));
  PackDirectWeights(op.weight.data(), input, out.lane_of, out.blocks, kernels, step.weights.get());
  step.bias = InLanes(op.bias, out, kernels.lanes);
  return step;
}

void EmitPointwise(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  builder->Add(MakePointwise(op, in, out, builder->input_shape().pixels(), builder->kernels()), in,
               out, builder->residual(), 0, builder->gate());
}

void EmitDepthwise(const Convolution& op, ProgramBuilder* builder) {
  constexpr int kTaps = 9;
  const Placement &in = builder->input(), &out = builder->output();
  const int lanes = builder->kernels().lanes;
  DepthwiseStep step;
  step.args.extent = ExtentOf(builder->input_shape());
  step.args.blocks = in.blocks;
  step.args.epilogue = EpilogueOf(op);
  step.weights.assign(static_cast<std::size_t>(in.blocks) * kTaps * lanes, 0.f);
  for (std::size_t c = 0; c < in.lane_of.size(); ++c) {
    const int lane = in.lane_of[c];
    for (int tap = 0; tap < kTaps; ++tap) {
      step.weights[static_cast<std::size_t>(lane / lanes * kTaps + tap) * lanes + lane % lanes] =
          op.weight[c * kTaps + tap];
    }
  }
  step.bias = InLanes(op.bias, out, lanes);
  builder->Add(std::move(step), in, out, builder->residual(), 0, builder->gate());
}

void EmitPlanarConvolution(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  const Kernels& kernels = builder->kernels();
  PlanarConvolutionStep step;
  step.args.in = ExtentOf(builder->input_shape());
  step.args.out = ExtentOf(builder->output_shape());
  step.args.channels = builder->input_shape().channels;
  step.args.kernel_height = op.kernel_height;
  step.args.kernel_width = op.kernel_width;
  step.args.stride = op.stride;
  step.args.padding = op.padding;
  step.args.dilation = op.dilation;
  step.args.out_blocks = out.blocks;
  step.args.activation = op.activation;
  const PackedInputs taps =
      PackedTapsOf(step.args.channels, op.kernel_height, op.kernel_width, op.dilation, kernels);
  step.weights.resize(PackedFloats(1, taps.depth, out.blocks, kernels));
  PackDirectWeights(op.weight.data(), taps, out.lane_of, out.blocks, kernels, step.weights.data());
  step.bias = InLanes(op.bias, out, kernels.lanes);
  const std::size_t scratch =
      PlanarWorkspace(step.args.channels, step.args.in, op.padding, kernels);
  builder->Add(std::move(step), in, out, nullptr, scratch);
}

void EmitPointwiseToPlanar(const Convolution& op, ProgramBuilder* builder) {
  const Placement& in = builder->input();
  const int channels = builder->input_shape().channels;
  const std::size_t width = static_cast<std::size_t>(in.blocks) * builder->kernels().lanes;
  PointwiseToPlanarStep step;
  step.blocks = in.blocks;
  step.outputs = builder->output_shape().channels;
  step.pixels = builder->input_shape().pixels();
  step.bias = op.bias;
  step.activation = op.activation;
  step.weights.assign(step.outputs * width, 0.f);
  for (int o = 0; o < step.outputs; ++o) {
    for (int c = 0; c < channels; ++c) {
      step.weights[o * width + in.lane_of[c]] =
          op.weight[static_cast<std::size_t>(o) * channels + c];
    }
  }
  builder->Add(std::move(step), in, builder->output());
}

// The convolution of all lanes: weights of unused lanes are zero.
Convolution OfLanes(const Convolution& op, const Placement& in, const Placement& out,
                    const ProgramBuilder& builder) {
  Convolution wide = op;
  const int lanes = builder.kernels().lanes;
  const int in_channels = builder.input_shape().channels;
  const int out_channels = builder.output_shape().channels;
  const int inputs = in.planar ? in_channels : in.blocks * lanes;
  const int outputs = out.planar ? out_channels : out.blocks * lanes;
  const auto in_lane = [&](int c) { return in.planar ? c : in.lane_of[c]; };
  const auto out_lane = [&](int c) { return out.planar ? c : out.lane_of[c]; };
  if (op.groups > 1) {
    if (!IsDepthwise(op, builder) || in.lane_of != out.lane_of) {
      throw Error(ErrorKind::kUnsupported, "no kernel for this grouped convolution");
    }
    wide.groups = outputs;
  }
  const std::size_t taps = static_cast<std::size_t>(op.kernel_height) * op.kernel_width;
  const std::size_t wide_group = op.groups > 1 ? 1 : inputs;
  wide.weight.assign(outputs * wide_group * taps, 0.f);
  wide.bias.assign(outputs, 0.f);
  const int group = in_channels / op.groups;
  for (int o = 0; o < out_channels; ++o) {
    wide.bias[out_lane(o)] = op.bias[o];
    for (int i = 0; i < group; ++i) {
      const std::size_t column = op.groups > 1 ? 0 : in_lane(i);
      std::copy_n(&op.weight[(static_cast<std::size_t>(o) * group + i) * taps], taps,
                  &wide.weight[(out_lane(o) * wide_group + column) * taps]);
    }
  }
  return wide;
}

MapLayout LayoutOf(const Placement& map, const Shape& shape, const Kernels& kernels) {
  if (map.planar) return {shape, 1, false};
  return {
      {map.blocks * kernels.lanes, shape.height, shape.width}, kernels.lanes, kernels.pair == 2};
}

void AddOneDnn(const Convolution& op, const Placement& in, const Placement& out,
               ProgramBuilder* builder) {
  const Kernels& kernels = builder->kernels();
  OneDnnStep step;
  step.convolution = std::make_unique<OneDnnConvolution>(
      OfLanes(op, in, out, *builder), LayoutOf(in, builder->input_shape(), kernels),
      LayoutOf(out, builder->output_shape(), kernels));
  step.context = builder->NewContext();
  const std::size_t scratch = step.convolution->scratch_floats();
  if (op.residual == Residual::kNone) {
    builder->Add(std::move(step), in, out, nullptr, scratch);
  } else {
    const Placement residual = out.planar ? builder->PlanarInput(1) : builder->BlockedInput(1);
    builder->Add(std::move(step), in, out, &residual, scratch);
  }
}

void EmitOneDnn(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  // From a planar picture to a planar picture without conversions; all else is blocked.
  if (in.planar && out.planar && builder->input_shape().channels <= kMostPlanarChannels) {
    return AddOneDnn(op, in, out, builder);
  }
  const Placement blocked = builder->BlockedInput();
  builder->WithBlockedOutput(
      [&](const Placement& blocked_out) { AddOneDnn(op, blocked, blocked_out, builder); });
}

// The convolution that takes the gradient of the output of `op` to that of its input, for stride 1:
// flipped weights with inputs and outputs exchanged in each group.
Convolution Transposed(const Convolution& op, int in_channels) {
  const int outputs = static_cast<int>(op.bias.size()), groups = op.groups;
  const int group_in = in_channels / groups, group_out = outputs / groups;
  const std::size_t taps = static_cast<std::size_t>(op.kernel_height) * op.kernel_width;
  Convolution result = op;
  result.activation = Activation::kNone;
  result.residual = Residual::kNone;
  result.bias.assign(in_channels, 0.f);
  for (int o = 0; o < outputs; ++o) {
    const int group = o / group_out;
    for (int i = 0; i < group_in; ++i) {
      const float* from = &op.weight[(static_cast<std::size_t>(o) * group_in + i) * taps];
      float* to = &result.weight[((static_cast<std::size_t>(group) * group_in + i) * group_out +
                                  o % group_out) *
                                 taps];
      std::reverse_copy(from, from + taps, to);
    }
  }
  return result;
}

// By input pixel of a convolution: the windows that cover it, and the tap with which each does.
AxisEntries FoldEntries(int side, int windows, int kernel, const Convolution& op) {
  AxisEntries entries;
  for (int x = 0; x < side; ++x) {
    entries.begin.push_back(static_cast<int>(entries.index.size()));
    for (int tap = 0; tap < kernel; ++tap) {
      const int at = x + op.padding - tap * op.dilation;
      if (at < 0 || at % op.stride != 0 || at / op.stride >= windows) continue;
      entries.index.push_back(at / op.stride);
      entries.tap.push_back(tap);
    }
  }
  entries.begin.push_back(static_cast<int>(entries.index.size()));
  return entries;
}

// The adjoint of a convolution of any kernel and stride: a 1 x 1 convolution to a channel for each
// input channel and tap, and a sum over the windows that cover a pixel.
void EmitFold(const Convolution& op, ProgramBuilder* builder) {
  const Kernels& kernels = builder->kernels();
  const Placement gradient = builder->BlockedInput();
  const Placement& out = builder->output();
  const Shape &in_shape = builder->input_shape(), &out_shape = builder->output_shape();
  const int taps = op.kernel_height * op.kernel_width, channels = out_shape.channels;
  const int inputs = in_shape.channels;

  Convolution columns;
  columns.bias.assign(static_cast<std::size_t>(channels) * taps, 0.f);
  columns.weight.resize(op.weight.size());
  for (std::size_t row = 0; row < columns.bias.size(); ++row) {
    for (int i = 0; i < inputs; ++i) {
      columns.weight[row * inputs + i] = op.weight[i * columns.bias.size() + row];
    }
  }
  // Of a planar map all taps of a channel follow each other, of a blocked one all lanes of a tap.
  const int lanes = kernels.lanes;
  Placement map = BlockedPlacement(
      {out.planar ? channels * taps : out.blocks * lanes * taps, in_shape.height, in_shape.width},
      kernels);
  if (!out.planar) {
    map.lane_of.resize(columns.bias.size());
    for (int c = 0; c < channels; ++c) {
      for (int tap = 0; tap < taps; ++tap) {
        map.lane_of[c * taps + tap] = tap * out.blocks * lanes + out.lane_of[c];
      }
    }
  }
  map = builder->NewBuffer(std::move(map));
  builder->Add(MakePointwise(columns, gradient, map, in_shape.pixels(), kernels), gradient, map);

  const auto emit = [&] {
    const Placement& to = builder->output();
    FoldStep step;
    step.rows = FoldEntries(out_shape.height, in_shape.height, op.kernel_height, op);
    step.columns = FoldEntries(out_shape.width, in_shape.width, op.kernel_width, op);
    step.in = ExtentOf(in_shape);
    step.out = ExtentOf(out_shape);
    step.kernel_width = op.kernel_width;
    step.taps = taps;
    step.blocks = to.planar ? channels : to.blocks;
    step.planar = to.planar;
    step.adds = builder->residual() != nullptr;
    builder->Add(std::move(step), map, to, builder->residual(), 0, builder->gate());
  };
  out.planar ? builder->WithSeparateEnd(emit) : emit();
}

// Sets what the arguments of convolutions between blocked maps have in common.
template <typename Step, typename Args>
void SetOperands(const Step& step, const StepMemory& memory, Args* args) {
  args->source = memory.source;
  args->destination = memory.destination;
  args->bias = step.bias.data();
  args->epilogue.residual = memory.second;
  args->epilogue.gate = memory.third;
}

}  // namespace

void Emit(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  const bool keeps_size = op.stride == 1 && op.padding == op.dilation;
  const bool is_3x3 = op.kernel_height == 3 && op.kernel_width == 3;
  const bool is_pointwise = op.kernel_height == 1 && op.kernel_width == 1 && op.stride == 1 &&
                            op.padding == 0 && op.groups == 1;
  const bool to_blocked = op.activation != Activation::kSigmoid && !out.planar;
  const bool is_blocked = to_blocked && !in.planar;
  if (is_blocked && is_3x3 && keeps_size && op.groups == 1) {
    EmitWinograd(op, builder);
  } else if (is_blocked && is_pointwise) {
    EmitPointwise(op, builder);
  } else if (is_blocked && is_3x3 && keeps_size && op.dilation == 1 && IsDepthwise(op, *builder) &&
             in.lane_of == out.lane_of) {
    EmitDepthwise(op, builder);
  } else if (is_pointwise && op.residual == Residual::kNone && !in.planar && out.planar) {
    EmitPointwiseToPlanar(op, builder);
  } else if (to_blocked && in.planar && builder->input_shape().channels <= kMostPlanarChannels &&
             op.groups == 1 && op.residual == Residual::kNone) {
    EmitPlanarConvolution(op, builder);
  } else {
    EmitOneDnn(op, builder);
  }
}

void EmitConvolutionAdjoint(const Convolution& op, ProgramBuilder* builder) {
  const Placement &in = builder->input(), &out = builder->output();
  const Shape& shape = builder->output_shape();
  const auto is_square = [&op](int side) {
    return op.kernel_height == side && op.kernel_width == side && op.stride == 1 &&
           2 * op.padding == op.dilation * (side - 1);
  };
  const bool blocked = !in.planar && !out.planar;
  const bool depthwise = op.groups > 1 && op.groups == shape.channels &&
                         op.groups == builder->input_shape().channels && op.dilation == 1 &&
                         in.lane_of == out.lane_of;
  if (op.groups > 1 && !(depthwise && is_square(3) && blocked)) {
    throw Error(ErrorKind::kUnsupported, "no kernel for the gradient of this grouped convolution");
  }
  if (blocked && (is_square(3) || is_square(1))) {
    Convolution transposed = Transposed(op, shape.channels);
    if (builder->residual() != nullptr) transposed.residual = Residual::kBeforeActivation;
    return Emit(transposed, builder);
  }
  if (is_square(1)) {
    const Convolution transposed = Transposed(op, shape.channels);
    return builder->WithSeparateEnd([&] { Emit(transposed, builder); });
  }
  EmitFold(op, builder);
}

void Run(const FoldStep& step, const StepMemory& memory, const Pass& pass) {
  FoldArgs args;
  args.source = memory.source;
  args.destination = memory.destination;
  args.in = step.in;
  args.out = step.out;
  args.kernel_width = step.kernel_width;
  args.taps = step.taps;
  args.blocks = step.blocks;
  args.rows = step.rows.get();
  args.columns = step.columns.get();
  args.epilogue = {Activation::kNone, step.adds ? Residual::kBeforeActivation : Residual::kNone,
                   memory.second, memory.third};
  (step.planar ? pass.kernels.fold_planar : pass.kernels.fold)(args);
}

void Run(const WinogradStep& step, const StepMemory& memory, const Pass& pass) {
  WinogradArgs args = step.args;
  SetOperands(step, memory, &args);
  args.used_lanes = step.used_lanes.data();
  args.weights = step.weights.get();
  args.workspace = memory.scratch;
  pass.kernels.winograd(args);
}

void Run(const PointwiseStep& step, const StepMemory& memory, const Pass& pass) {
  PointwiseArgs args = step.args;
  SetOperands(step, memory, &args);
  args.used_lanes = step.used_lanes.data();
  args.weights = step.weights.get();
  pass.kernels.pointwise(args);
}

void Run(const DepthwiseStep& step, const StepMemory& memory, const Pass& pass) {
  DepthwiseArgs args = step.args;
  SetOperands(step, memory, &args);
  args.weights = step.weights.data();
  pass.kernels.depthwise(args);
}

void Run(const PlanarConvolutionStep& step, const StepMemory& memory, const Pass& pass) {
  PlanarConvolutionArgs args = step.args;
  args.source = memory.source;
  args.destination = memory.destination;
  args.weights = step.weights.data();
  args.bias = step.bias.data();
  args.workspace = memory.scratch;
  pass.kernels.planar_convolution(args);
}

void Run(const PointwiseToPlanarStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.pointwise_to_planar(memory.source, step.blocks, step.pixels, step.weights.data(),
                                   step.bias.data(), step.outputs, step.activation,
                                   memory.destination);
}

void Run(const OneDnnStep& step, const StepMemory& memory, const Pass& pass) {
  step.convolution->Run(pass.contexts[step.context].get(), memory.source, memory.second,
                        memory.destination, memory.scratch);
}

}  // namespace hepar::cpu
