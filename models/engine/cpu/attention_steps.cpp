// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Self-attention over the pixels of a map.
#include "models/engine/cpu/kernels/packing.h"
#include "models/engine/cpu/program_builder.h"
#include "models/engine/cpu/steps.h"
#include "models/error.h"

namespace hepar::cpu {

void Emit(const PixelAttention& op, ProgramBuilder* builder) {
  const Placement in = builder->BlockedInput();
  builder->WithBlockedOutput([&](const Placement& out) {
    if (static_cast<int>(in.lane_of.size()) != in.lane_of.back() + 1) {
      throw Error(ErrorKind::kUnsupported, "no kernel for attention over a padded concatenation");
    }
    const int tokens = static_cast<int>(builder->input_shape().pixels());
    const int channels = builder->input_shape().channels;
    builder->Add(AttentionStep{op, tokens, channels}, in, out, nullptr,
                 AttentionWorkspace(tokens, channels));
  });
}

AttentionArgs AttentionArgsOf(const PixelAttention& op, int tokens, int channels) {
  AttentionArgs args;
  args.tokens = tokens;
  args.channels = channels;
  args.heads = op.heads;
  args.epsilon = op.epsilon;
  args.norm_weight = op.norm_weight.data();
  args.norm_bias = op.norm_bias.data();
  args.qkv_weight = op.qkv_weight.data();
  args.qkv_bias = op.qkv_bias.data();
  args.proj_weight = op.proj_weight.data();
  args.proj_bias = op.proj_bias.data();
  return args;
}

void Run(const AttentionStep& step, const StepMemory& memory, const Pass& pass) {
  AttentionArgs args = AttentionArgsOf(step.op, step.tokens, step.channels);
  args.source = memory.source;
  args.destination = memory.destination;
  args.workspace = memory.scratch;
  pass.kernels.attention(args);
}

}  // namespace hepar::cpu
