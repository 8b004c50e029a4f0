// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/onednn_convolution.h"
#include "models/graph/graph.h"

// What a step of a Program computes, apart from where its operands are: one struct for each kernel,
// with its geometry and constants. Each family of operators has a file *_steps.cpp with the code
// that chooses and makes its steps (Emit(), program_builder.h) and the code that runs them.
namespace hepar::cpu {

// The operands of a step in one pass; null where the step has none.
struct StepMemory {
  float* source;
  float* second;
  float* third;
  float* destination;
  float* scratch;
};

// What all steps of one pass share.
struct Pass {
  const Kernels& kernels;
  const std::vector<std::shared_ptr<OneDnnConvolution::Context>>& contexts;
};

// ---- Convolutions (convolution_steps.cpp). The pointers in `args` are null; Run() fills them in.

struct WinogradStep {
  WinogradArgs args;
  std::vector<int> used_lanes;
  Floats weights;
  std::vector<float> bias;

  std::string kernel() const { return "winograd"; }
};

struct PointwiseStep {
  PointwiseArgs args;
  std::vector<int> used_lanes;
  Floats weights;
  std::vector<float> bias;

  std::string kernel() const { return "pointwise"; }
};

struct DepthwiseStep {
  DepthwiseArgs args;
  std::vector<float> weights, bias;

  std::string kernel() const { return "depthwise"; }
};

struct PlanarConvolutionStep {
  PlanarConvolutionArgs args;
  std::vector<float> weights, bias;

  std::string kernel() const { return "planar"; }
};

struct PointwiseToPlanarStep {
  int blocks = 0, outputs = 0;
  std::size_t pixels = 0;
  std::vector<float> weights, bias;
  Activation activation = Activation::kNone;

  std::string kernel() const { return "pointwise_to_planar"; }
};

struct OneDnnStep {
  std::unique_ptr<OneDnnConvolution> convolution;
  int context = 0;  // Index in Pass::contexts.

  std::string kernel() const { return std::string("onednn ") + convolution->implementation(); }
};

// ---- Pooling and interpolation (resampling_steps.cpp).

struct MaxPoolStep {
  MaxPool op;
  Extent in, out;
  int blocks = 0;

  std::string kernel() const { return "max_pool"; }
};

struct AdaptivePoolStep {
  AdaptivePool::Kind kind = AdaptivePool::Kind::kMean;
  Extent in, out;
  int blocks = 0;

  std::string kernel() const { return "adaptive_pool"; }
};

// Over all pixels of a blocked map, to a planar vector.
struct GlobalPoolStep {
  AdaptivePool::Kind kind = AdaptivePool::Kind::kMean;
  Extent in;
  int blocks = 0;
  std::vector<int> lane_of;  // By channel.

  std::string kernel() const { return "global_pool"; }
};

// One axis of a bilinear interpolation with pixel centers at half numbers.
struct InterpolationTable {
  std::vector<int> low, high;  // By output: the inputs on both sides.
  std::vector<float> weight;   // Of `high`.

  InterpolationTable(int in, int out);
  Interpolation get() const { return {low.data(), high.data(), weight.data()}; }
};

struct UpsampleStep {
  InterpolationTable rows, columns;
  Extent in, out;
  int blocks = 0;

  std::string kernel() const { return "upsample"; }
};

struct UpsamplePlanarStep {
  InterpolationTable rows, columns;
  Extent in, out;
  int channels = 0;
  Activation activation = Activation::kNone;

  std::string kernel() const { return "upsample_planar"; }
};

// ---- Attention (attention_steps.cpp).

struct AttentionStep {
  PixelAttention op;
  int tokens = 0, channels = 0;

  std::string kernel() const { return "attention"; }
};

// Without operands.
AttentionArgs AttentionArgsOf(const PixelAttention& op, int tokens, int channels);

// ---- Pixel by pixel (elementwise_steps.cpp).

struct AddStep {
  std::size_t count = 0;
  Activation activation = Activation::kNone;

  std::string kernel() const { return "add"; }
};

struct MultiplyStep {
  bool by_pixel = false;  // Otherwise by channel.
  int blocks = 0;
  std::size_t pixels = 0;

  std::string kernel() const { return "multiply"; }
};

struct ScaleShiftStep {
  ScaleShift op;
  std::size_t pixels = 0;

  std::string kernel() const { return "scale_shift"; }
};

struct ChannelReduceStep {
  ChannelReduce::Kind kind = ChannelReduce::Kind::kMean;
  std::vector<int> used_lanes;
  std::size_t pixels = 0;

  std::string kernel() const { return "channel_reduce"; }
};

struct ChannelReducePlanarStep {
  ChannelReduce::Kind kind = ChannelReduce::Kind::kMean;
  int channels = 0;
  std::size_t pixels = 0;

  std::string kernel() const { return "channel_reduce_planar"; }
};

// ---- Gradients (adjoint_steps.cpp).

// The entries of an AxisTable.
struct AxisEntries {
  std::vector<int> begin, index, tap;
  std::vector<float> weight;

  AxisTable get() const { return {begin.data(), index.data(), weight.data(), tap.data()}; }
};

struct FinishStep {
  bool planar = false;
  std::size_t count = 0;

  std::string kernel() const { return "finish"; }
};

struct SigmoidAdjointStep {
  bool planar = false;
  std::size_t count = 0;

  std::string kernel() const { return "sigmoid_adjoint"; }
};

struct ResampleAdjointStep {
  AxisEntries rows, columns;
  Extent in, out;
  int blocks = 0;  // Channels where it is planar.
  bool planar = false, adds = false;

  std::string kernel() const { return planar ? "resample_adjoint_planar" : "resample_adjoint"; }
};

struct FoldStep {
  AxisEntries rows, columns;
  Extent in, out;
  int kernel_width = 1, taps = 1;
  int blocks = 0;  // Channels where it is planar.
  bool planar = false, adds = false;

  std::string kernel() const { return planar ? "fold_planar" : "fold"; }
};

struct MaxPoolAdjointStep {
  MaxPool op;
  Extent in, out;
  int blocks = 0;
  bool gated = false;

  std::string kernel() const { return "max_pool_adjoint"; }
};

struct GlobalMaxAdjointStep {
  int blocks = 0;
  std::size_t pixels = 0;

  std::string kernel() const { return "global_max_adjoint"; }
};

struct ChannelReduceAdjointStep {
  ChannelReduce::Kind kind = ChannelReduce::Kind::kMean;
  std::vector<int> used_lanes;
  std::size_t pixels = 0;

  std::string kernel() const { return "channel_reduce_adjoint"; }
};

struct ProductStep {
  bool by_pixel = false;  // Otherwise by channel.
  int blocks = 0;
  std::size_t pixels = 0;

  std::string kernel() const { return "product"; }
};

struct AttentionAdjointStep {
  PixelAttention op;
  int tokens = 0, channels = 0;
  std::vector<float> qkv_transposed, proj_transposed;

  std::string kernel() const { return "attention_adjoint"; }
};

// ---- Layout (layout_steps.cpp).

struct ToBlockedStep {
  int channels = 0;
  std::size_t pixels = 0;

  std::string kernel() const { return "to_blocked"; }
};

struct ToPlanarStep {
  std::vector<int> lane_of;  // By channel.
  std::size_t pixels = 0;

  std::string kernel() const { return "to_planar"; }
};

struct CopyStep {
  std::size_t floats = 0;

  std::string kernel() const { return "copy"; }
};

using StepOp =
    std::variant<WinogradStep, PointwiseStep, DepthwiseStep, PlanarConvolutionStep,
                 PointwiseToPlanarStep, OneDnnStep, MaxPoolStep, AdaptivePoolStep, GlobalPoolStep,
                 UpsampleStep, UpsamplePlanarStep, AttentionStep, AddStep, MultiplyStep,
                 ScaleShiftStep, ChannelReduceStep, ChannelReducePlanarStep, ToBlockedStep,
                 ToPlanarStep, CopyStep, FinishStep, SigmoidAdjointStep, ResampleAdjointStep,
                 FoldStep, MaxPoolAdjointStep, GlobalMaxAdjointStep, ChannelReduceAdjointStep,
                 ProductStep, AttentionAdjointStep>;

// Computes a step. Allocates no memory.
void Run(const WinogradStep& step, const StepMemory& memory, const Pass& pass);
void Run(const PointwiseStep& step, const StepMemory& memory, const Pass& pass);
void Run(const DepthwiseStep& step, const StepMemory& memory, const Pass& pass);
void Run(const PlanarConvolutionStep& step, const StepMemory& memory, const Pass& pass);
void Run(const PointwiseToPlanarStep& step, const StepMemory& memory, const Pass& pass);
void Run(const OneDnnStep& step, const StepMemory& memory, const Pass& pass);
void Run(const MaxPoolStep& step, const StepMemory& memory, const Pass& pass);
void Run(const AdaptivePoolStep& step, const StepMemory& memory, const Pass& pass);
void Run(const GlobalPoolStep& step, const StepMemory& memory, const Pass& pass);
void Run(const UpsampleStep& step, const StepMemory& memory, const Pass& pass);
void Run(const UpsamplePlanarStep& step, const StepMemory& memory, const Pass& pass);
void Run(const AttentionStep& step, const StepMemory& memory, const Pass& pass);
void Run(const AddStep& step, const StepMemory& memory, const Pass& pass);
void Run(const MultiplyStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ScaleShiftStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ChannelReduceStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ChannelReducePlanarStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ToBlockedStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ToPlanarStep& step, const StepMemory& memory, const Pass& pass);
void Run(const CopyStep& step, const StepMemory& memory, const Pass& pass);
void Run(const FinishStep& step, const StepMemory& memory, const Pass& pass);
void Run(const SigmoidAdjointStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ResampleAdjointStep& step, const StepMemory& memory, const Pass& pass);
void Run(const FoldStep& step, const StepMemory& memory, const Pass& pass);
void Run(const MaxPoolAdjointStep& step, const StepMemory& memory, const Pass& pass);
void Run(const GlobalMaxAdjointStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ChannelReduceAdjointStep& step, const StepMemory& memory, const Pass& pass);
void Run(const ProductStep& step, const StepMemory& memory, const Pass& pass);
void Run(const AttentionAdjointStep& step, const StepMemory& memory, const Pass& pass);

}  // namespace hepar::cpu
