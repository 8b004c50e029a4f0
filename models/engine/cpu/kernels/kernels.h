// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include "models/graph/graph.h"

namespace hepar::cpu {

// The inner loops of the CPU engine, compiled once for each kind of processor and selected at run
// time. They own no memory and keep no state, so any number of threads may call them.
//
// A feature map of C x H x W has one of two layouts:
//   planar   C x H x W.
//   blocked  ceil(C / lanes) x H x W x lanes: channels are interleaved in blocks of the vector
//            width. Unused lanes of the last block hold zeros. Blocks are contiguous, so adjacent
//            maps are their concatenation.
// Planar maps hold floats. Blocked maps hold floats or bf16 (Kernels::pair); pointers to them are
// void*. Blocked maps are aligned to 32 bytes, workspaces to 64.

struct Extent {
  int height = 0, width = 0;
  std::size_t pixels() const { return static_cast<std::size_t>(height) * width; }
};

// What is applied to the sums of a convolution: act(y + residual) or act(y) + residual, and then,
// in a gradient, 0 where `gate`, the output of a ReLU, is not above 0. With a gate the residual
// comes before the activation.
struct Epilogue {
  Activation activation = Activation::kNone;  // kNone or kRelu.
  Residual mode = Residual::kNone;
  const void* residual = nullptr;  // Blocked.
  const void* gate = nullptr;      // Blocked; null: none.
};

// A 3 x 3 convolution of stride 1 with padding = dilation, which keeps the size.
//
// Winograd's F(4x4, 3x3): 4 x 4 pixels of one input and one output channel take 36 multiplications
// instead of 144. Against oneDNN at the shapes of these networks (8 to 128 channels, 7 x 7 to
// 112 x 112 pixels) it is 1.8 to 2.5 times as fast on AVX2, where oneDNN has only a direct
// convolution (more at dilation 4, where oneDNN multiplies matrices), and 2 to 3 times on AVX-512.
// Rounding error: 1e-5 of the largest output; in bf16 1 % of the typical output for noise, 0.3 %
// for smooth pictures.
struct WinogradArgs {
  const void* source = nullptr;  // Blocked; so is the destination.
  void* destination = nullptr;
  Extent extent;
  int dilation = 1;
  int in_blocks = 0, out_blocks = 0;
  const int* used_lanes = nullptr;  // By input block: number of lanes that hold channels.
  int depth = 0;                    // PackedInputs::depth.
  const void* weights = nullptr;    // By PackWinogradWeights().
  const float* bias = nullptr;      // out_blocks x lanes.
  Epilogue epilogue;
  int tiles_at_once = 0;       // 1 or more.
  float* workspace = nullptr;  // WinogradWorkspace() floats.
};

// A 1 x 1 convolution of stride 1.
struct PointwiseArgs {
  const void* source = nullptr;  // Blocked, as the destination.
  void* destination = nullptr;
  std::size_t pixels = 0;
  int in_blocks = 0, out_blocks = 0;
  const int* used_lanes = nullptr;  // As in WinogradArgs.
  const void* weights = nullptr;    // By PackDirectWeights().
  const float* bias = nullptr;      // out_blocks x lanes.
  Epilogue epilogue;
};

// A convolution of a planar map with few channels to a blocked map.
struct PlanarConvolutionArgs {
  const float* source = nullptr;  // Planar.
  void* destination = nullptr;
  Extent in, out;
  int channels = 0, kernel_height = 1, kernel_width = 1, stride = 1, padding = 0, dilation = 1;
  int out_blocks = 0;
  const void* weights = nullptr;              // By PackDirectWeights().
  const float* bias = nullptr;                // out_blocks x lanes.
  Activation activation = Activation::kNone;  // kNone or kRelu.
  float* workspace = nullptr;                 // PlanarWorkspace() floats.
};

// A depthwise 3 x 3 convolution of stride 1 and padding 1, in floats.
struct DepthwiseArgs {
  const void* source = nullptr;  // Blocked, as the destination.
  void* destination = nullptr;
  Extent extent;
  int blocks = 0;
  const float* weights = nullptr;  // blocks x 9 x lanes.
  const float* bias = nullptr;     // blocks x lanes.
  Epilogue epilogue;
};

// One axis of a bilinear interpolation: output i is (1 - weight[i]) * in[low[i]] + weight[i] *
// in[high[i]].
struct Interpolation {
  const int* low = nullptr;
  const int* high = nullptr;
  const float* weight = nullptr;
};

// A sparse matrix with a row for each number of one axis of a result: row i has the entries from
// begin[i] to begin[i + 1] - 1.
struct AxisTable {
  const int* begin = nullptr;
  const int* index = nullptr;     // On the axis of the operand.
  const float* weight = nullptr;  // For ResampleAdjointArgs.
  const int* tap = nullptr;       // For FoldArgs.
};

// The adjoint of a separable linear map: an interpolation or the mean over windows. Pixel (r, c) of
// the result is the sum of rows.weight x columns.weight x source over the entries of r and c.
struct ResampleAdjointArgs {
  const void* source = nullptr;  // Blocked, as the destination; planar for the planar kernel.
  void* destination = nullptr;
  Extent in, out;  // Of source and destination.
  int blocks = 0;  // Channels for the planar kernel.
  AxisTable rows, columns;
  Epilogue epilogue;           // Without activation. The planar kernel has none.
  float* workspace = nullptr;  // in.width x lanes floats.
};

// Adds to each pixel what the windows of a convolution that cover it send back: the second half of
// the adjoint of a convolution, after a 1 x 1 convolution of the gradient with a channel for each
// tap. Entries of the tables name a window and the tap with which it covers the pixel.
struct FoldArgs {
  const void* source = nullptr;  // Blocked.
  void* destination = nullptr;   // Blocked or planar.
  Extent in, out;
  int kernel_width = 1;
  int blocks = 0;  // Blocks of each tap, tap after tap; for a planar destination its channels, of
                   // which each has all taps next to each other.
  int taps = 1;
  AxisTable rows, columns;
  Epilogue epilogue;  // Without activation. A planar destination has none.
};

// The adjoint of max pooling: each window's gradient goes to the first of its largest pixels.
struct MaxPoolAdjointArgs {
  const void* source = nullptr;  // Of the pooled map.
  const void* x = nullptr;       // What was pooled.
  const void* residual = nullptr;
  void* destination = nullptr;
  Extent in, out;  // Of x and of the pooled map.
  int blocks = 0;
  int kernel = 2, stride = 2, padding = 0;
  bool gated = false;          // 0 where x is not above 0.
  float* workspace = nullptr;  // in.pixels() x lanes floats where windows overlap.
};

struct AttentionArgs {
  const void* source = nullptr;  // Blocked, as the destination.
  void* destination = nullptr;
  int tokens = 0, channels = 0, heads = 1;
  float epsilon = 0.f;
  const float *norm_weight = nullptr, *norm_bias = nullptr;
  const float *qkv_weight = nullptr, *qkv_bias = nullptr;  // As in PixelAttention.
  const float *proj_weight = nullptr, *proj_bias = nullptr;
  float* workspace = nullptr;  // AttentionWorkspace() floats.
};

// The adjoint of attention with its residual connection at `forward.source`, which is computed
// again. `forward.destination` is not used.
struct AttentionAdjointArgs {
  AttentionArgs forward;         // Its workspace has AttentionAdjointWorkspace() floats.
  const void* source = nullptr;  // The gradient of the result. Blocked, as the destination.
  void* destination = nullptr;
  const float* qkv_transposed = nullptr;   // C x 3C.
  const float* proj_transposed = nullptr;  // C x C.
};

struct Kernels {
  const char* name;  // "avx512", "avx2", "portable", "avx512 bf16".
  int lanes;
  // 1: blocked maps and convolution weights are floats. 2: they are bf16, two numbers take the
  // space of a float, and one instruction adds the products of two neighboring input channels to a
  // sum. Sums, biases and planar maps are always floats.
  int pair;

  void (*winograd)(const WinogradArgs& args);
  void (*pointwise)(const PointwiseArgs& args);
  void (*planar_convolution)(const PlanarConvolutionArgs& args);
  void (*depthwise)(const DepthwiseArgs& args);
  void (*attention)(const AttentionArgs& args);

  // Blocked maps of `blocks` blocks.
  void (*max_pool)(const void* x, const Extent& in, int blocks, const MaxPool& op,
                   const Extent& out, void* y);
  void (*adaptive_pool)(const void* x, const Extent& in, int blocks, AdaptivePool::Kind kind,
                        const Extent& out, void* y);
  // Over all pixels, to blocks x lanes floats.
  void (*global_pool)(const void* x, const Extent& in, int blocks, AdaptivePool::Kind kind,
                      float* y);
  void (*upsample)(const void* x, const Extent& in, int blocks, const Interpolation& rows,
                   const Interpolation& columns, const Extent& out, void* y);
  // act(x + y) of `count` numbers, a multiple of lanes.
  void (*add)(const void* x, const void* y, std::size_t count, Activation activation, void* z);
  // By a factor for each channel (blocked) or for each pixel.
  void (*multiply_by_channel)(const void* x, const void* y, int blocks, std::size_t pixels,
                              void* z);
  void (*multiply_by_pixel)(const void* x, const float* y, int blocks, std::size_t pixels, void* z);
  // Blocked to one planar map; `used_lanes` as in WinogradArgs.
  void (*channel_reduce)(const void* x, const int* used_lanes, int blocks, std::size_t pixels,
                         ChannelReduce::Kind kind, float* y);
  // A 1 x 1 convolution from blocked to a planar map of `outputs` channels, in floats. `weight` is
  // outputs x blocks x lanes.
  void (*pointwise_to_planar)(const void* x, int blocks, std::size_t pixels, const float* weight,
                              const float* bias, int outputs, Activation activation, float* y);
  void (*to_blocked)(const float* planar, int channels, std::size_t pixels, void* blocked);
  // Channel c comes from lane_of[c], counted over all blocks.
  void (*to_planar)(const void* blocked, const int* lane_of, int channels, std::size_t pixels,
                    float* planar);

  // Planar maps.
  void (*channel_reduce_planar)(const float* x, int channels, std::size_t pixels,
                                ChannelReduce::Kind kind, float* y);
  void (*upsample_planar)(const float* x, const Extent& in, int channels, const Interpolation& rows,
                          const Interpolation& columns, const Extent& out, Activation activation,
                          float* workspace,
                          float* y);  // Workspace: UpsamplePlanarWorkspace().
  // act(x * scale + shift) of `count` values of one channel. y may be x.
  void (*scale_shift)(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y);

  // Adjoints, for gradients.
  void (*resample_adjoint)(const ResampleAdjointArgs& args);
  void (*resample_adjoint_planar)(const ResampleAdjointArgs& args);
  void (*fold)(const FoldArgs& args);
  void (*fold_planar)(const FoldArgs& args);
  void (*max_pool_adjoint)(const MaxPoolAdjointArgs& args);
  void (*attention_adjoint)(const AttentionAdjointArgs& args);
  // x + residual, and 0 where `gate` is not above 0; residual and gate may be null. `planar`: of
  // floats, otherwise of a multiple of lanes of numbers.
  void (*finish)(const void* x, const void* residual, const void* gate, std::size_t count,
                 bool planar, void* y);
  // g y (1 - y).
  void (*sigmoid_adjoint)(const void* g, const void* y, std::size_t count, bool planar, void* z);
  // The gradient of a maximum over all pixels: equal shares for the largest ones.
  void (*global_max_adjoint)(const void* g, const void* x, int blocks, std::size_t pixels, void* y);
  // The gradient of a mean or maximum `reduced` over the channels, to the used lanes.
  void (*channel_reduce_adjoint)(const float* g, const void* x, const float* reduced,
                                 const int* used_lanes, int blocks, std::size_t pixels,
                                 ChannelReduce::Kind kind, void* y);
  // Sums of g x over all pixels of each channel (blocked), or over all channels of each pixel.
  void (*product_by_channel)(const void* g, const void* x, int blocks, std::size_t pixels, void* y);
  void (*product_by_pixel)(const void* g, const void* x, int blocks, std::size_t pixels, float* y);
};

// The fastest fp32 kernels for this processor, and those that run on any processor.
const Kernels& BestKernels();
const Kernels& PortableKernels();
// The bf16 kernels; null where this processor has no AVX512-BF16.
const Kernels* Bf16Kernels();

}  // namespace hepar::cpu
