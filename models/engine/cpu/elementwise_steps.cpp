// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Operators on each pixel alone.
#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {

void Emit(const Add& op, ProgramBuilder* builder) {
  const Placement x = builder->BlockedInput(0), y = builder->BlockedInput(1);
  CheckSameLanes(x, y, "add");
  builder->WithBlockedOutput([&](const Placement& out) {
    CheckSameLanes(x, out, "add");
    const std::size_t count = x.blocks * builder->input_shape().pixels() * builder->kernels().lanes;
    builder->Add(AddStep{count, op.activation}, x, out, &y);
  });
}

void Emit(const Multiply&, ProgramBuilder* builder) {
  const Shape factor = builder->input_shape(1);
  if (factor == builder->input_shape(0) && factor.pixels() > 1) {
    throw Error(ErrorKind::kUnsupported, "no kernel for a product of two maps");
  }
  const bool by_pixel = factor.channels == 1 && factor.pixels() > 1;
  const Placement x = builder->BlockedInput(0);
  const Placement y = by_pixel ? builder->PlanarInput(1) : builder->BlockedInput(1);
  if (!by_pixel) CheckSameLanes(x, y, "multiply");
  builder->WithBlockedOutput([&](const Placement& out) {
    CheckSameLanes(x, out, "multiply");
    builder->Add(MultiplyStep{by_pixel, x.blocks, builder->input_shape().pixels()}, x, out, &y);
  });
}

void Emit(const ScaleShift& op, ProgramBuilder* builder) {
  const Placement in = builder->PlanarInput();
  builder->Add(ScaleShiftStep{op, builder->input_shape().pixels()}, in, builder->output());
}

void Emit(const ChannelReduce& op, ProgramBuilder* builder) {
  const Placement& in = builder->input();
  const Shape& shape = builder->input_shape();
  if (in.planar) {
    builder->Add(ChannelReducePlanarStep{op.kind, shape.channels, shape.pixels()}, in,
                 builder->output());
  } else {
    builder->Add(ChannelReduceStep{op.kind, in.used_lanes, shape.pixels()}, in, builder->output());
  }
}

void Emit(const Lightness&, ProgramBuilder*) {
  throw Error(ErrorKind::kUnsupported, "no kernel for this selection of planes");
}

void Run(const AddStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.add(memory.source, memory.second, step.count, step.activation, memory.destination);
}

void Run(const MultiplyStep& step, const StepMemory& memory, const Pass& pass) {
  if (step.by_pixel) {
    pass.kernels.multiply_by_pixel(memory.source, memory.second, step.blocks, step.pixels,
                                   memory.destination);
  } else {
    pass.kernels.multiply_by_channel(memory.source, memory.second, step.blocks, step.pixels,
                                     memory.destination);
  }
}

void Run(const ScaleShiftStep& step, const StepMemory& memory, const Pass& pass) {
  for (std::size_t c = 0; c < step.op.scale.size(); ++c) {
    pass.kernels.scale_shift(memory.source + c * step.pixels, step.op.scale[c], step.op.shift[c],
                             step.pixels, step.op.activation, memory.destination + c * step.pixels);
  }
}

void Run(const ChannelReduceStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.channel_reduce(memory.source, step.used_lanes.data(),
                              static_cast<int>(step.used_lanes.size()), step.pixels, step.kind,
                              memory.destination);
}

void Run(const ChannelReducePlanarStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.channel_reduce_planar(memory.source, step.channels, step.pixels, step.kind,
                                     memory.destination);
}

}  // namespace hepar::cpu
