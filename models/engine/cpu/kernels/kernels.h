// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

#include "models/graph/graph.h"

namespace hepar::cpu {

// The loops of the CPU engine, compiled once for each kind of processor and chosen when the program
// runs. They own no memory and keep no state, so any number of threads may call them.
//
// Two layouts of a feature map of C x H x W:
//   planar   C x H x W, as everywhere else.
//   blocked  ceil(C / lanes) x H x W x lanes: the channels of a pixel fill vectors, the last of
//            which may end in lanes that hold zeros. Blocks are contiguous, so maps side by side
//            are their concatenation.
// Planar maps are of floats; blocked ones, to which pointers are void*, of floats or of bf16
// (Kernels::pair). Pointers to blocked maps are aligned to 32 bytes, workspaces to 64.

struct Extent {
  int height = 0, width = 0;
  std::size_t pixels() const { return static_cast<std::size_t>(height) * width; }
};

// The second operand of a convolution's end: act(y + residual) or act(y) + residual.
struct Epilogue {
  Activation activation = Activation::kNone;  // kNone or kRelu.
  Residual mode = Residual::kNone;
  const void* residual = nullptr;  // Blocked.
};

// A 3 x 3 convolution of stride 1 whose padding is its dilation, so that the size stays.
//
// Winograd's F(4x4, 3x3): 4 x 4 pixels of one channel pair cost 36 multiplications instead of 144.
// oneDNN has it for AVX-512 only, so on AVX2 this is 1.8 to 2.5 times as fast as its direct
// convolution at the shapes of these networks (8 to 128 channels, 7 x 7 to 112 x 112 pixels), and
// more at dilation 4, where oneDNN multiplies matrices; on AVX-512 2 to 3 times. Rounding: 1e-5 of
// the largest output; with bf16 1 % of the typical output for noise, 0.3 % for smooth pictures.
struct WinogradArgs {
  const void* source = nullptr;  // Blocked, as the destination.
  void* destination = nullptr;
  Extent extent;
  int dilation = 1;
  int in_blocks = 0, out_blocks = 0;
  const int* used_lanes = nullptr;  // Of each input block: its first lanes that hold channels.
  int depth = 0;                    // Of InputPlacesOf().
  const void* weights = nullptr;    // Of PackWinogradWeights().
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
  const void* weights = nullptr;    // Of PackDirectWeights().
  const float* bias = nullptr;      // out_blocks x lanes.
  Epilogue epilogue;
};

// A convolution of few planes to a blocked map.
struct PlanarConvolutionArgs {
  const float* source = nullptr;  // Planar.
  void* destination = nullptr;
  Extent in, out;
  int channels = 0, kernel_height = 1, kernel_width = 1, stride = 1, padding = 0, dilation = 1;
  int out_blocks = 0;
  const void* weights = nullptr;              // Of PackDirectWeights().
  const float* bias = nullptr;                // out_blocks x lanes.
  Activation activation = Activation::kNone;  // kNone or kRelu.
  float* workspace = nullptr;                 // PlanarWorkspace() floats.
};

// A 3 x 3 convolution of each channel by itself, of stride 1 and padding 1, in floats.
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

struct Kernels {
  const char* name;  // "avx512", "avx2", "portable", "avx512 bf16".
  int lanes;
  // 1 where blocked maps hold floats and convolutions multiply them. 2 where both are of bf16: as
  // many numbers take the place of a float, and of as many neighbouring input channels does an
  // instruction add the products to a sum. Sums, biases and planar maps are of floats in any case.
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
  // Of all pixels, to blocks x lanes floats.
  void (*global_pool)(const void* x, const Extent& in, int blocks, AdaptivePool::Kind kind,
                      float* y);
  void (*upsample)(const void* x, const Extent& in, int blocks, const Interpolation& rows,
                   const Interpolation& columns, const Extent& out, void* y);
  // act(x + y) of `count` numbers, a multiple of lanes.
  void (*add)(const void* x, const void* y, std::size_t count, Activation activation, void* z);
  // By one factor for each channel (blocked), or for each pixel.
  void (*multiply_by_channel)(const void* x, const void* y, int blocks, std::size_t pixels,
                              void* z);
  void (*multiply_by_pixel)(const void* x, const float* y, int blocks, std::size_t pixels, void* z);
  // Blocked to one planar map; `used_lanes` as in WinogradArgs.
  void (*channel_reduce)(const void* x, const int* used_lanes, int blocks, std::size_t pixels,
                         ChannelReduce::Kind kind, float* y);
  // Blocked to `outputs` planar maps: a 1 x 1 convolution with few outputs, of floats. weight is
  // outputs x blocks x lanes.
  void (*pointwise_to_planar)(const void* x, int blocks, std::size_t pixels, const float* weight,
                              const float* bias, int outputs, Activation activation, float* y);
  void (*to_blocked)(const float* planar, int channels, std::size_t pixels, void* blocked);
  // Channel c comes from lane slots[c], counted over all blocks.
  void (*to_planar)(const void* blocked, const int* slots, int channels, std::size_t pixels,
                    float* planar);

  // Planar maps.
  void (*channel_reduce_planar)(const float* x, int channels, std::size_t pixels,
                                ChannelReduce::Kind kind, float* y);
  void (*upsample_planar)(const float* x, const Extent& in, int channels, const Interpolation& rows,
                          const Interpolation& columns, const Extent& out, Activation activation,
                          float* workspace, float* y);  // Workspace: in.width + 2 lanes.
  // act(x * scale + shift) of `count` values of one channel; in place where y is x.
  void (*scale_shift)(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y);
};

// The best that this processor runs; those that any processor runs.
const Kernels& BestKernels();
const Kernels& PortableKernels();
// Those for bf16; null where this processor cannot multiply it (AVX512-BF16).
const Kernels* Bf16Kernels();

}  // namespace hepar::cpu
