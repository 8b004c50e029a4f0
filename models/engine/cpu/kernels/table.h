// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels.h"

namespace hepar::cpu {

// What the kernels and the code that prepares their operands agree on.
constexpr int kWinogradTile = 4;
// Floats by which the rows that one tile touches are further apart than they are long: it keeps
// them in different sets of the cache.
constexpr int kWinogradSkew = 16;

// Floats of a transformed tile at one place: the channels, and the lanes that are stored with the
// last of them.
constexpr int WinogradDepth(int in_channels, int last_used_lanes, int lanes) {
  return in_channels - last_used_lanes + lanes;
}

// Vectors of outputs that one pass computes of `left` blocks that are left.
constexpr int WinogradGroup(int left) { return left == 1 || left == 3 ? left : 2; }

// Transformed input of `tiles` tiles, rounded up to whole cache lines.
constexpr std::size_t WinogradInputFloats(int depth, int tiles) {
  const std::size_t floats =
      std::size_t{36} * (static_cast<std::size_t>(tiles) * depth + kWinogradSkew);
  return (floats + 15) / 16 * 16;
}

// Tokens of an attention, rounded up to whole vectors of any processor.
constexpr int AttentionStride(int tokens) { return (tokens + 15) / 16 * 16; }

namespace HEPAR_ISA {

void Winograd(const WinogradArgs& args);
void Attention(const AttentionArgs& args);

void MaxPoolBlocked(const float* x, const Extent& in, int blocks, const MaxPool& op,
                    const Extent& out, float* y);
void AdaptivePoolBlocked(const float* x, const Extent& in, int blocks, AdaptivePool::Kind kind,
                         const Extent& out, float* y);
void UpsampleBlocked(const float* x, const Extent& in, int blocks, const Interpolation& rows,
                     const Interpolation& columns, const Extent& out, float* y);
void UpsamplePlanar(const float* x, const Extent& in, int channels, const Interpolation& rows,
                    const Interpolation& columns, const Extent& out, Activation activation,
                    float* workspace, float* y);

void AddMaps(const float* x, const float* y, std::size_t count, Activation activation, float* z);
void MultiplyBlocked(const float* x, const float* y, int blocks, std::size_t pixels, bool by_pixel,
                     float* z);
void ChannelReduceBlocked(const float* x, const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, float* y);
void PointwiseToPlanar(const float* x, int blocks, std::size_t pixels, const float* weight,
                       const float* bias, int outputs, Activation activation, float* y);
void ToBlocked(const float* planar, int channels, std::size_t pixels, float* blocked);
void ToPlanar(const float* blocked, const int* slots, int channels, std::size_t pixels,
              float* planar);
void ScaleShiftPlanar(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y);

const Kernels& Table();

}  // namespace HEPAR_ISA
}  // namespace hepar::cpu
