// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels.h"

namespace hepar::cpu {

// What the kernels and the code that prepares their operands agree on.
constexpr int kWinogradTile = 4;
// Numbers by which the rows that one tile touches are further apart than they are long: it keeps
// them in different sets of the cache.
constexpr int kWinogradSkew = 16;

// Places that the first `used` lanes of a block take in products: one each, rounded up to whole
// pairs. Weights of what rounding adds are zero.
constexpr int DepthOf(int used, int pair) { return (used + pair - 1) / pair * pair; }

// Taps in a row of a planar convolution that one product takes: only neighbours make a pair.
constexpr int TapsAtOnce(int dilation, int pair) { return dilation == 1 ? pair : 1; }

// Vectors of outputs that one pass computes of `left` blocks that are left.
constexpr int VectorsAtOnce(int left) { return left == 1 || left == 3 ? left : 2; }

// Transformed input of `tiles` tiles `stride` numbers apart, rounded up to whole cache lines.
constexpr std::size_t WinogradInputFloats(int stride, int tiles, int pair) {
  const std::size_t numbers =
      std::size_t{36} * (static_cast<std::size_t>(tiles) * stride + kWinogradSkew);
  return (numbers / pair + 15) / 16 * 16;
}

// Tokens of an attention, rounded up to whole vectors of any processor.
constexpr int AttentionStride(int tokens) { return (tokens + 15) / 16 * 16; }

namespace HEPAR_ISA {

void Winograd(const WinogradArgs& args);
void Pointwise(const PointwiseArgs& args);
void PlanarConvolution(const PlanarConvolutionArgs& args);
void Depthwise(const DepthwiseArgs& args);
void Attention(const AttentionArgs& args);

void MaxPoolBlocked(const void* source, const Extent& in, int blocks, const MaxPool& op,
                    const Extent& out, void* destination);
void AdaptivePoolBlocked(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                         const Extent& out, void* destination);
void GlobalPool(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                float* y);
void UpsampleBlocked(const void* source, const Extent& in, int blocks, const Interpolation& rows,
                     const Interpolation& columns, const Extent& out, void* destination);
void UpsamplePlanar(const float* x, const Extent& in, int channels, const Interpolation& rows,
                    const Interpolation& columns, const Extent& out, Activation activation,
                    float* workspace, float* y);

void AddMaps(const void* x, const void* y, std::size_t count, Activation activation, void* z);
void MultiplyByChannel(const void* x, const void* y, int blocks, std::size_t pixels, void* z);
void MultiplyByPixel(const void* x, const float* y, int blocks, std::size_t pixels, void* z);
void ChannelReduceBlocked(const void* x, const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, float* y);
void ChannelReducePlanar(const float* x, int channels, std::size_t pixels, ChannelReduce::Kind kind,
                         float* y);
void PointwiseToPlanar(const void* x, int blocks, std::size_t pixels, const float* weight,
                       const float* bias, int outputs, Activation activation, float* y);
void ToBlocked(const float* planar, int channels, std::size_t pixels, void* blocked);
void ToPlanar(const void* blocked, const int* slots, int channels, std::size_t pixels,
              float* planar);
void ScaleShiftPlanar(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y);

const Kernels& Table();

}  // namespace HEPAR_ISA
}  // namespace hepar::cpu
