// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/plan_builder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/kernels/packing.h"
#include "models/engine/cpu/map_layouts.h"
#include "models/engine/cpu/memory_plan.h"
#include "models/error.h"

namespace hepar::cpu {
namespace {

// More would be slower without blocks.
constexpr int kMostPlanes = 4;

Extent ExtentOf(const Shape& shape) { return {shape.height, shape.width}; }

// A place in memory that is known when all buffers are.
using Address = std::shared_ptr<std::pair<bool, std::size_t>>;  // In the frame; offset.

float* At(const Run& run, const Address& address) {
  return (address->first ? run.frame : run.workspace) + address->second;
}

struct InterpolationTable {
  std::vector<int> low, high;
  std::vector<float> weight;

  InterpolationTable(int in, int out) : low(out), high(out), weight(out) {
    const double ratio = static_cast<double>(in) / out;
    for (int i = 0; i < out; ++i) {
      const double at = std::max(0.0, (i + 0.5) * ratio - 0.5);
      low[i] = std::min(static_cast<int>(at), in - 1);
      high[i] = std::min(low[i] + 1, in - 1);
      weight[i] = static_cast<float>(at - low[i]);
    }
  }
  Interpolation get() const { return {low.data(), high.data(), weight.data()}; }
};

class Builder {
 public:
  Builder(const Graph& graph, const Kernels& kernels)
      : graph_(graph), kernels_(kernels), layouts_(LayOut(graph, kernels)) {
    uses_.resize(layouts_.buffers.size());
    for (std::size_t b = 0; b < uses_.size(); ++b) uses_[b].floats = layouts_.buffers[b];
    addresses_.resize(uses_.size());
  }

  Program Build() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (i == graph_.decoupling_nodes) program_.decoupling_steps = program_.steps.size();
      node_ = &graph_.nodes[i];
      try {
        std::visit([this](const auto& op) { Emit(op); }, node_->op);
      } catch (const Error& error) {
        throw Error(error.kind(), node_->name + ": " + error.what());
      }
    }
    if (graph_.decoupling_nodes == graph_.nodes.size()) {
      program_.decoupling_steps = program_.steps.size();
    }
    Resolve();
    program_.frame = layouts_.frame;
    return std::move(program_);
  }

 private:
  const Shape& ShapeOf(int value) const { return graph_.values[value]; }
  const Shape& In(int i = 0) const { return ShapeOf(node_->inputs[i]); }
  const Shape& Out() const { return ShapeOf(node_->output); }
  const Place& InPlace(int i = 0) const { return layouts_.places[node_->inputs[i]]; }
  const Place& OutPlace() const { return layouts_.places[node_->output]; }

  // The place is touched by the step that is added next.
  Address Touch(const Place& place) {
    const int step = static_cast<int>(program_.steps.size());
    BufferUse& use = uses_[place.buffer];
    if (use.last < use.first) use.first = step;
    use.last = step;
    auto address = std::make_shared<std::pair<bool, std::size_t>>(
        place.buffer == MapLayouts::kFrame, place.offset);
    addresses_[place.buffer].push_back(address);
    return address;
  }

  Place NewBuffer(std::size_t floats) {
    uses_.push_back({floats, 0, -1});
    addresses_.emplace_back();
    Place place;
    place.buffer = static_cast<int>(uses_.size()) - 1;
    return place;
  }

  Address Scratch(std::size_t floats) { return Touch(NewBuffer(floats)); }

  void AddStep(std::string kernel, std::function<void(const Run&)> run) {
    program_.steps.push_back({node_->name, std::move(kernel), std::move(run)});
  }

  Place BlockedBuffer(const Shape& shape) {
    const int lanes = kernels_.lanes;
    const int blocks = (shape.channels + lanes - 1) / lanes;
    Place place = NewBuffer(blocks * shape.pixels() * lanes / kernels_.pair);
    place.blocks = blocks;
    for (int c = 0; c < shape.channels; ++c) place.slots.push_back(c);
    for (int b = 0; b < blocks; ++b) {
      place.used_lanes.push_back(std::min(lanes, shape.channels - b * lanes));
    }
    return place;
  }

  // Input i in blocked layout, converted where it is not.
  Place BlockedInput(int i = 0) {
    const Place& place = InPlace(i);
    if (!place.planar) return place;
    const Shape shape = In(i);
    const Place blocked = BlockedBuffer(shape);
    const Address from = Touch(place), to = Touch(blocked);
    AddStep("to_blocked", [this_kernels = &kernels_, from, to, shape](const Run& run) {
      this_kernels->to_blocked(At(run, from), shape.channels, shape.pixels(), At(run, to));
    });
    return blocked;
  }

  Place PlanarInput(int i = 0) {
    const Place& place = InPlace(i);
    if (place.planar) return place;
    Place planar = NewBuffer(In(i).count());
    planar.planar = true;
    AddToPlanar(place, In(i), planar);
    return planar;
  }

  void AddToPlanar(const Place& blocked, const Shape& shape, const Place& planar) {
    const Address from = Touch(blocked), to = Touch(planar);
    AddStep("to_planar", [k = &kernels_, from, to, shape, slots = blocked.slots](const Run& run) {
      k->to_planar(At(run, from), slots.data(), shape.channels, shape.pixels(), At(run, to));
    });
  }

  // Calls emit(place) with a blocked place for the output, which becomes planar afterwards where
  // that is its layout.
  template <typename Function>
  void WithBlockedOutput(const Function& emit) {
    if (!OutPlace().planar) return emit(OutPlace());
    const Place blocked = BlockedBuffer(Out());
    emit(blocked);
    AddToPlanar(blocked, Out(), OutPlace());
  }

  // Bias or another value of each channel, in its lane; zero in the others.
  std::vector<float> InLanes(const std::vector<float>& values, const Place& place) const {
    std::vector<float> lanes(static_cast<std::size_t>(place.blocks) * kernels_.lanes, 0.f);
    for (std::size_t c = 0; c < values.size(); ++c) lanes[place.slots[c]] = values[c];
    return lanes;
  }

  // ---- Convolution.

  void Emit(const Convolution& op) {
    const bool same_size = op.stride == 1 && op.padding == op.dilation;
    const bool three = op.kernel_height == 3 && op.kernel_width == 3;
    const bool pointwise = op.kernel_height == 1 && op.kernel_width == 1 && op.stride == 1 &&
                           op.padding == 0 && op.groups == 1;
    const bool linear = op.activation != Activation::kSigmoid;
    const bool to_blocked = linear && !OutPlace().planar, blocked = to_blocked && !InPlace().planar;
    if (blocked && three && same_size && op.groups == 1) {
      EmitWinograd(op);
    } else if (blocked && pointwise) {
      EmitPointwise(op);
    } else if (blocked && three && same_size && op.dilation == 1 && IsDepthwise(op)) {
      EmitDepthwise(op);
    } else if (pointwise && op.residual == Residual::kNone && !InPlace().planar &&
               OutPlace().planar) {
      EmitPointwiseToPlanar(op);
    } else if (to_blocked && InPlace().planar && In().channels <= kMostPlanes && op.groups == 1 &&
               op.residual == Residual::kNone) {
      EmitPlanarConvolution(op);
    } else {
      EmitOneDnn(op);
    }
  }

  bool IsDepthwise(const Convolution& op) const {
    return op.groups == In().channels && op.groups == Out().channels &&
           InPlace().slots == OutPlace().slots;
  }

  using Weights = std::shared_ptr<float[]>;
  static Weights NewWeights(std::size_t floats) {
    return {AllocateFloats(floats).release(), FreeFloats()};
  }

  Epilogue EpilogueOf(const Convolution& op) const { return {op.activation, op.residual, nullptr}; }

  // What a convolution between blocked maps reads and writes.
  struct Operands {
    Address from, to, residual;
    std::vector<float> bias;

    template <typename Args>
    void Set(const Run& run, Args* args) const {
      args->source = At(run, from);
      args->destination = At(run, to);
      args->bias = bias.data();
      if (residual) args->epilogue.residual = At(run, residual);
    }
  };
  Operands TouchOperands(const Convolution& op) {
    return {Touch(InPlace()), Touch(OutPlace()),
            op.residual == Residual::kNone ? nullptr : Touch(InPlace(1)),
            InLanes(op.bias, OutPlace())};
  }

  void EmitWinograd(const Convolution& op) {
    const Place &in = InPlace(), &out = OutPlace();
    const InputPlaces input = InputPlacesOf(in.used_lanes, kernels_);
    WinogradArgs args;
    args.extent = ExtentOf(In());
    args.dilation = op.dilation;
    args.in_blocks = in.blocks;
    args.out_blocks = out.blocks;
    args.depth = input.depth;
    args.epilogue = EpilogueOf(op);
    args.tiles_at_once =
        WinogradTilesAtOnce(input.depth, out.blocks, args.extent, op.dilation, kernels_);

    const Weights weights =
        NewWeights(PackedFloats(kWinogradPlaces, input.depth, out.blocks, kernels_));
    PackWinogradWeights(op.weight.data(), input, out.slots, out.blocks, kernels_, weights.get());
    const Operands operands = TouchOperands(op);
    const Address scratch =
        Scratch(WinogradWorkspace(input.depth, out.blocks, args.tiles_at_once, kernels_));
    AddStep("winograd", [k = &kernels_, args, operands, scratch, weights,
                         used = in.used_lanes](const Run& run) {
      WinogradArgs a = args;
      operands.Set(run, &a);
      a.used_lanes = used.data();
      a.weights = weights.get();
      a.workspace = At(run, scratch);
      k->winograd(a);
    });
  }

  void EmitPointwise(const Convolution& op) {
    const Place &in = InPlace(), &out = OutPlace();
    const InputPlaces input = InputPlacesOf(in.used_lanes, kernels_);
    PointwiseArgs args;
    args.pixels = In().pixels();
    args.in_blocks = in.blocks;
    args.out_blocks = out.blocks;
    args.epilogue = EpilogueOf(op);
    const Weights weights = NewWeights(PackedFloats(1, input.depth, out.blocks, kernels_));
    PackDirectWeights(op.weight.data(), input, out.slots, out.blocks, kernels_, weights.get());
    const Operands operands = TouchOperands(op);
    AddStep("pointwise",
            [k = &kernels_, args, operands, weights, used = in.used_lanes](const Run& run) {
              PointwiseArgs a = args;
              operands.Set(run, &a);
              a.used_lanes = used.data();
              a.weights = weights.get();
              k->pointwise(a);
            });
  }

  void EmitDepthwise(const Convolution& op) {
    const Place& in = InPlace();
    const int lanes = kernels_.lanes;
    DepthwiseArgs args;
    args.extent = ExtentOf(In());
    args.blocks = in.blocks;
    args.epilogue = EpilogueOf(op);
    std::vector<float> weights(static_cast<std::size_t>(in.blocks) * 9 * lanes, 0.f);
    for (std::size_t c = 0; c < in.slots.size(); ++c) {
      const int slot = in.slots[c];
      for (int tap = 0; tap < 9; ++tap) {
        weights[static_cast<std::size_t>(slot / lanes * 9 + tap) * lanes + slot % lanes] =
            op.weight[c * 9 + tap];
      }
    }
    const Operands operands = TouchOperands(op);
    AddStep("depthwise", [k = &kernels_, args, operands, weights](const Run& run) {
      DepthwiseArgs a = args;
      operands.Set(run, &a);
      a.weights = weights.data();
      k->depthwise(a);
    });
  }

  void EmitPlanarConvolution(const Convolution& op) {
    const Place &in = InPlace(), &out = OutPlace();
    PlanarConvolutionArgs args;
    args.in = ExtentOf(In());
    args.out = ExtentOf(Out());
    args.channels = In().channels;
    args.kernel_height = op.kernel_height;
    args.kernel_width = op.kernel_width;
    args.stride = op.stride;
    args.padding = op.padding;
    args.dilation = op.dilation;
    args.out_blocks = out.blocks;
    args.activation = op.activation;
    const InputPlaces taps =
        PlanarPlacesOf(args.channels, op.kernel_height, op.kernel_width, op.dilation, kernels_);
    std::vector<float> weights(PackedFloats(1, taps.depth, out.blocks, kernels_));
    PackDirectWeights(op.weight.data(), taps, out.slots, out.blocks, kernels_, weights.data());
    const Address from = Touch(in), to = Touch(out);
    const Address scratch = Scratch(PlanarWorkspace(args.channels, args.in, op.padding, kernels_));
    AddStep("planar", [k = &kernels_, args, from, to, scratch, weights,
                       bias = InLanes(op.bias, out)](const Run& run) {
      PlanarConvolutionArgs a = args;
      a.source = At(run, from);
      a.destination = At(run, to);
      a.weights = weights.data();
      a.bias = bias.data();
      a.workspace = At(run, scratch);
      k->planar_convolution(a);
    });
  }

  void EmitPointwiseToPlanar(const Convolution& op) {
    const Place& in = InPlace();
    const int outputs = Out().channels, channels = In().channels;
    const std::size_t width = static_cast<std::size_t>(in.blocks) * kernels_.lanes;
    std::vector<float> weight(outputs * width, 0.f);
    for (int o = 0; o < outputs; ++o) {
      for (int c = 0; c < channels; ++c) {
        weight[o * width + in.slots[c]] = op.weight[static_cast<std::size_t>(o) * channels + c];
      }
    }
    const Address from = Touch(in), to = Touch(OutPlace());
    AddStep("pointwise_to_planar",
            [k = &kernels_, from, to, weight, bias = op.bias, blocks = in.blocks,
             pixels = In().pixels(), outputs, activation = op.activation](const Run& run) {
              k->pointwise_to_planar(At(run, from), blocks, pixels, weight.data(), bias.data(),
                                     outputs, activation, At(run, to));
            });
  }

  // The convolution of the lanes: weights of lanes that hold no channel are zero.
  Convolution WithLanes(const Convolution& op, const Place& in, const Place& out) const {
    Convolution wide = op;
    const int lanes = kernels_.lanes;
    const int inputs = in.planar ? In().channels : in.blocks * lanes;
    const int outputs = out.planar ? Out().channels : out.blocks * lanes;
    const auto in_slot = [&](int c) { return in.planar ? c : in.slots[c]; };
    const auto out_slot = [&](int c) { return out.planar ? c : out.slots[c]; };
    if (op.groups > 1) {
      const bool depthwise = op.groups == In().channels && op.groups == Out().channels;
      if (!depthwise || in.slots != out.slots) {
        throw Error(ErrorKind::kUnsupported, "no kernel for this grouped convolution");
      }
      wide.groups = outputs;
    }
    const std::size_t taps = static_cast<std::size_t>(op.kernel_height) * op.kernel_width;
    const std::size_t in_group = op.groups > 1 ? 1 : inputs;
    wide.weight.assign(outputs * in_group * taps, 0.f);
    wide.bias.assign(outputs, 0.f);
    const int given_group = In().channels / op.groups;
    for (int o = 0; o < Out().channels; ++o) {
      wide.bias[out_slot(o)] = op.bias[o];
      for (int i = 0; i < given_group; ++i) {
        const std::size_t column = op.groups > 1 ? 0 : in_slot(i);
        std::copy_n(&op.weight[(static_cast<std::size_t>(o) * given_group + i) * taps], taps,
                    &wide.weight[(out_slot(o) * in_group + column) * taps]);
      }
    }
    return wide;
  }

  MapLayout LayoutOf(const Place& place, const Shape& shape) const {
    if (place.planar) return {shape, 1, false};
    return {{place.blocks * kernels_.lanes, shape.height, shape.width},
            kernels_.lanes,
            kernels_.pair == 2};
  }

  void EmitOneDnn(const Convolution& op) {
    // A picture in, a picture out; else blocked.
    if (InPlace().planar && OutPlace().planar && In().channels <= kMostPlanes) {
      return AddOneDnn(op, InPlace(), OutPlace());
    }
    const Place in = BlockedInput();
    WithBlockedOutput([&](const Place& out) { AddOneDnn(op, in, out); });
  }

  void AddOneDnn(const Convolution& op, const Place& in, const Place& out) {
    auto convolution = std::make_unique<OneDnnConvolution>(
        WithLanes(op, in, out), LayoutOf(in, In()), LayoutOf(out, Out()));
    Place other;
    if (op.residual != Residual::kNone) other = out.planar ? PlanarInput(1) : BlockedInput(1);
    const Address from = Touch(in), to = Touch(out);
    const Address residual = op.residual == Residual::kNone ? nullptr : Touch(other);
    const Address scratch = Scratch(convolution->scratch_floats());
    const std::string kernel = std::string("onednn ") + convolution->implementation();
    const std::size_t index = program_.convolutions.size();
    AddStep(kernel, [c = convolution.get(), index, from, to, residual, scratch](const Run& run) {
      c->Run((*run.contexts)[index].get(), At(run, from), residual ? At(run, residual) : nullptr,
             At(run, to), At(run, scratch));
    });
    program_.convolutions.push_back(std::move(convolution));
  }

  // ---- The other operators.

  void Emit(const MaxPool& op) {
    const Place in = BlockedInput();
    WithBlockedOutput([&](const Place& out) {
      const Address from = Touch(in), to = Touch(out);
      AddStep("max_pool", [k = &kernels_, op, from, to, before = ExtentOf(In()),
                           after = ExtentOf(Out()), blocks = in.blocks](const Run& run) {
        k->max_pool(At(run, from), before, blocks, op, after, At(run, to));
      });
    });
  }

  void Emit(const AdaptivePool& op) {
    const Place in = BlockedInput();
    if (OutPlace().planar && Out().pixels() == 1) return EmitGlobalPool(op, in);
    WithBlockedOutput([&](const Place& out) {
      if (out.slots != in.slots) throw Error(ErrorKind::kUnsupported, "no kernel for this pooling");
      const Address from = Touch(in), to = Touch(out);
      AddStep("adaptive_pool", [k = &kernels_, kind = op.kind, from, to, before = ExtentOf(In()),
                                after = ExtentOf(Out()), blocks = in.blocks](const Run& run) {
        k->adaptive_pool(At(run, from), before, blocks, kind, after, At(run, to));
      });
    });
  }

  // To floats, which results are.
  void EmitGlobalPool(const AdaptivePool& op, const Place& in) {
    const Address from = Touch(in), to = Touch(OutPlace());
    const Address scratch = Scratch(static_cast<std::size_t>(in.blocks) * kernels_.lanes);
    AddStep("global_pool", [k = &kernels_, kind = op.kind, from, to, scratch, slots = in.slots,
                            extent = ExtentOf(In()), blocks = in.blocks](const Run& run) {
      const float* pooled = At(run, scratch);
      k->global_pool(At(run, from), extent, blocks, kind, At(run, scratch));
      float* y = At(run, to);
      for (const int slot : slots) *y++ = pooled[slot];
    });
  }

  void Emit(const ChannelReduce& op) {
    if (InPlace().planar) {
      const Address from = Touch(InPlace()), to = Touch(OutPlace());
      return AddStep("channel_reduce_planar", [k = &kernels_, kind = op.kind, from, to,
                                               shape = In()](const Run& run) {
        k->channel_reduce_planar(At(run, from), shape.channels, shape.pixels(), kind, At(run, to));
      });
    }
    const Place& in = InPlace();
    const Address from = Touch(in), to = Touch(OutPlace());
    AddStep("channel_reduce", [k = &kernels_, kind = op.kind, from, to, used = in.used_lanes,
                               blocks = in.blocks, pixels = In().pixels()](const Run& run) {
      k->channel_reduce(At(run, from), used.data(), blocks, pixels, kind, At(run, to));
    });
  }

  void Emit(const Upsample& op) {
    const InterpolationTable rows(In().height, Out().height), columns(In().width, Out().width);
    const Extent before = ExtentOf(In()), after = ExtentOf(Out());
    if (OutPlace().planar) {
      const Place in = PlanarInput();
      const Address from = Touch(in), to = Touch(OutPlace());
      const Address scratch = Scratch(static_cast<std::size_t>(before.width) + 32);
      AddStep("upsample_planar",
              [k = &kernels_, from, to, scratch, rows, columns, before, after,
               channels = In().channels, activation = op.activation](const Run& run) {
                k->upsample_planar(At(run, from), before, channels, rows.get(), columns.get(),
                                   after, activation, At(run, scratch), At(run, to));
              });
      return;
    }
    if (op.activation != Activation::kNone) {
      throw Error(ErrorKind::kUnsupported, "no kernel for an activated upsampling");
    }
    const Place in = BlockedInput();
    CheckSameLanes(in, OutPlace());
    const Address from = Touch(in), to = Touch(OutPlace());
    AddStep("upsample", [k = &kernels_, from, to, rows, columns, before, after,
                         blocks = in.blocks](const Run& run) {
      k->upsample(At(run, from), before, blocks, rows.get(), columns.get(), after, At(run, to));
    });
  }

  // Operators on each lane need their operands' channels in the same lanes.
  void CheckSameLanes(const Place& x, const Place& y) const {
    if (x.slots != y.slots) {
      throw Error(ErrorKind::kUnsupported, std::string("no kernel for this ") + NameOf(node_->op));
    }
  }

  // Parts that were written elsewhere, or in the other layout, are copied.
  void Emit(const Concat&) {
    const Place& whole = OutPlace();
    const int lanes = kernels_.lanes;
    std::size_t offset = whole.offset;
    for (std::size_t i = 0; i < node_->inputs.size(); ++i) {
      const int index = static_cast<int>(i);
      const Shape shape = In(index);
      const std::size_t floats =
          whole.planar ? shape.count()
                       : static_cast<std::size_t>((shape.channels + lanes - 1) / lanes) * lanes *
                             shape.pixels() / kernels_.pair;
      const Place& part = InPlace(index);
      if (part.buffer != whole.buffer || part.offset != offset) {
        const Place from_place = whole.planar ? PlanarInput(index) : BlockedInput(index);
        if (!whole.planar && from_place.blocks * lanes * shape.pixels() / kernels_.pair != floats) {
          throw Error(ErrorKind::kUnsupported, "no kernel for this concatenation");
        }
        Place target = whole;
        target.offset = offset;
        const Address from = Touch(from_place), to = Touch(target);
        AddStep("copy", [from, to, floats](const Run& run) {
          std::copy_n(At(run, from), floats, At(run, to));
        });
      }
      offset += floats;
    }
  }

  void Emit(const Add& op) {
    const Place x = BlockedInput(0), y = BlockedInput(1);
    CheckSameLanes(x, y);
    WithBlockedOutput([&](const Place& out) {
      CheckSameLanes(x, out);
      const std::size_t count = x.blocks * In().pixels() * kernels_.lanes;
      const Address a = Touch(x), b = Touch(y), to = Touch(out);
      AddStep("add", [k = &kernels_, a, b, to, count, activation = op.activation](const Run& run) {
        k->add(At(run, a), At(run, b), count, activation, At(run, to));
      });
    });
  }

  void Emit(const Multiply&) {
    const Shape by = In(1);
    if (by == In(0) && by.pixels() > 1) {
      throw Error(ErrorKind::kUnsupported, "no kernel for a product of two maps");
    }
    const bool by_pixel = by.channels == 1 && by.pixels() > 1;
    const Place x = BlockedInput(0), y = by_pixel ? PlanarInput(1) : BlockedInput(1);
    if (!by_pixel) CheckSameLanes(x, y);
    WithBlockedOutput([&](const Place& out) {
      CheckSameLanes(x, out);
      const Address a = Touch(x), b = Touch(y), to = Touch(out);
      AddStep("multiply", [k = &kernels_, a, b, to, by_pixel, blocks = x.blocks,
                           pixels = In().pixels()](const Run& run) {
        if (by_pixel) {
          k->multiply_by_pixel(At(run, a), At(run, b), blocks, pixels, At(run, to));
        } else {
          k->multiply_by_channel(At(run, a), At(run, b), blocks, pixels, At(run, to));
        }
      });
    });
  }

  void Emit(const ScaleShift& op) {
    const Place in = PlanarInput();
    const Address from = Touch(in), to = Touch(OutPlace());
    AddStep("scale_shift", [k = &kernels_, from, to, op, pixels = In().pixels()](const Run& run) {
      for (std::size_t c = 0; c < op.scale.size(); ++c) {
        k->scale_shift(At(run, from) + c * pixels, op.scale[c], op.shift[c], pixels, op.activation,
                       At(run, to) + c * pixels);
      }
    });
  }

  void Emit(const PixelAttention& op) {
    const Place in = BlockedInput();
    WithBlockedOutput([&](const Place& out) {
      if (static_cast<int>(in.slots.size()) != in.slots.back() + 1) {
        throw Error(ErrorKind::kUnsupported, "no kernel for attention over parts");
      }
      AttentionArgs args;
      args.tokens = static_cast<int>(In().pixels());
      args.channels = In().channels;
      args.heads = op.heads;
      args.epsilon = op.epsilon;
      const auto owned = std::make_shared<const PixelAttention>(op);
      args.norm_weight = owned->norm_weight.data();
      args.norm_bias = owned->norm_bias.data();
      args.qkv_weight = owned->qkv_weight.data();
      args.qkv_bias = owned->qkv_bias.data();
      args.proj_weight = owned->proj_weight.data();
      args.proj_bias = owned->proj_bias.data();
      const Address from = Touch(in), to = Touch(out);
      const Address scratch = Scratch(AttentionWorkspace(args.tokens, args.channels));
      AddStep("attention", [k = &kernels_, args, owned, from, to, scratch](const Run& run) {
        AttentionArgs a = args;
        a.source = At(run, from);
        a.destination = At(run, to);
        a.workspace = At(run, scratch);
        k->attention(a);
      });
    });
  }

  void Emit(const Lightness&) {
    throw Error(ErrorKind::kUnsupported, "no kernel for this selection of planes");
  }

  void Resolve() {
    std::vector<BufferUse> uses = uses_;
    uses[MapLayouts::kFrame] = {};
    const MemoryPlan plan = PlanMemory(uses);
    for (std::size_t b = 1; b < addresses_.size(); ++b) {
      for (const Address& address : addresses_[b]) address->second += plan.offsets[b];
    }
    program_.workspace_floats = plan.floats;
  }

  const Graph& graph_;
  const Kernels& kernels_;
  MapLayouts layouts_;
  const Node* node_ = nullptr;
  std::vector<BufferUse> uses_;
  std::vector<std::vector<Address>> addresses_;  // By buffer.
  Program program_;
};

}  // namespace

Program BuildProgram(const Graph& graph, const Kernels& kernels) {
  return Builder(graph, kernels).Build();
}

}  // namespace hepar::cpu
