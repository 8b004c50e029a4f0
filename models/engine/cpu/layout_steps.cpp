// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Conversions between layouts, and what a concatenation has to copy.
#include <algorithm>

#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {

// Parts that were written elsewhere, or in the other layout, are copied.
void Emit(const Concat&, ProgramBuilder* builder) {
  const Placement& whole = builder->output();
  std::size_t offset = whole.offset;
  for (int i = 0; i < builder->input_count(); ++i) {
    const Shape& shape = builder->input_shape(i);
    Placement target =
        whole.planar ? PlanarPlacement(shape) : BlockedPlacement(shape, builder->kernels());
    target.buffer = whole.buffer;
    target.offset = offset;
    offset += target.floats;
    const Placement& part = builder->input(i);
    if (part.buffer == target.buffer && part.offset == target.offset) continue;
    const Placement from = whole.planar ? builder->PlanarInput(i) : builder->BlockedInput(i);
    if (from.blocks != target.blocks) {
      throw Error(ErrorKind::kUnsupported, "no kernel for this concatenation");
    }
    builder->Add(CopyStep{target.floats}, from, target);
  }
}

void Run(const ToBlockedStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.to_blocked(memory.source, step.channels, step.pixels, memory.destination);
}

void Run(const ToPlanarStep& step, const StepMemory& memory, const Pass& pass) {
  pass.kernels.to_planar(memory.source, step.lane_of.data(), static_cast<int>(step.lane_of.size()),
                         step.pixels, memory.destination);
}

void Run(const CopyStep& step, const StepMemory& memory, const Pass&) {
  std::copy_n(memory.source, step.floats, memory.destination);
}

}  // namespace hepar::cpu
