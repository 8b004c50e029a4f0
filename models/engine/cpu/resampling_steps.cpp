// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pooling and interpolation.
#include <algorithm>
#include <utility>

#include "models/engine/cpu/kernels/packing.h"
#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {

InterpolationTable::InterpolationTable(int in, int out) : low(out), high(out), weight(out) {
  const double ratio = static_cast<double>(in) / out;
  for (int i = 0; i < out; ++i) {
    const double at = std::max(0.0, (i + 0.5) * ratio - 0.5);
    low[i] = std::min(static_cast<int>(at), in - 1);
    high[i] = std::min(low[i] + 1, in - 1);
    weight[i] = static_cast<float>(at - low[i]);
  }
}

void Emit(const MaxPool& op, ProgramBuilder* builder) {
  const Placement in = builder->BlockedInput();
  builder->WithBlockedOutput([&](const Placement& out) {
    builder->Add(MaxPoolStep{op, ExtentOf(builder->input_shape()),
                             ExtentOf(builder->output_shape()), in.blocks},
                 in, out);
  });
}

void Emit(const AdaptivePool& op, ProgramBuilder* builder) {
  const Placement in = builder->BlockedInput();
  const Extent before = ExtentOf(builder->input_shape());
  const Extent after = ExtentOf(builder->output_shape());
  // The planar result is of floats, whatever the blocked maps hold.
  if (builder->output().planar && after.pixels() == 1) {
    const std::size_t scratch = static_cast<std::size_t>(in.blocks) * builder->kernels().lanes;
    return builder->Add(GlobalPoolStep{op.kind, before, in.blocks, in.lane_of}, in,
                        builder->output(), nullptr, scratch);
  }
  builder->WithBlockedOutput([&](const Placement& out) {
    CheckSameLanes(in, out, "pooling");
    builder->Add(AdaptivePoolStep{op.kind, before, after, in.blocks}, in, out);
  });
}

void Emit(const Upsample& op, ProgramBuilder* builder) {
  const Extent before = ExtentOf(builder->input_shape());
  const Extent after = ExtentOf(builder->output_shape());
  InterpolationTable rows(before.height, after.height), columns(before.width, after.width);
  const Placement& out = builder->output();
  if (out.planar) {
    const Placement in = builder->PlanarInput();
    const std::size_t scratch = UpsamplePlanarWorkspace(before.width, builder->kernels());
    return builder->Add(UpsamplePlanarStep{std::move(rows), std::move(columns), before, after,
                                           builder->input_shape().channels, op.activation},
                        in, out, nullptr, scratch);
  }
  if (op.activation != Activation::kNone) {
    throw Error(ErrorKind::kUnsupported, "no kernel for an activated upsampling");
  }
  const Placement in = builder->BlockedInput();
  CheckSameLanes(in, out, "upsampling");
  builder->Add(UpsampleStep{std::move(rows), std::move(columns), before, after, in.blocks}, in,
               out);
}

void Run(const MaxPoolStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.max_pool(memory.source, step.in, step.blocks, step.op, step.out, memory.destination);
}

void Run(const AdaptivePoolStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.adaptive_pool(memory.source, step.in, step.blocks, step.kind, step.out,
                             memory.destination);
}

void Run(const GlobalPoolStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.global_pool(memory.source, step.in, step.blocks, step.kind, memory.scratch);
  float* y = memory.destination;
  for (const int lane : step.lane_of) *y++ = memory.scratch[lane];
}

void Run(const UpsampleStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.upsample(memory.source, step.in, step.blocks, step.rows.get(), step.columns.get(),
                        step.out, memory.destination);
}

void Run(const UpsamplePlanarStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.upsample_planar(memory.source, step.in, step.channels, step.rows.get(),
                               step.columns.get(), step.out, step.activation, memory.scratch,
                               memory.destination);
}

}  // namespace hepar::cpu
