// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels/packing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "models/engine/cpu/kernels/shared.h"

namespace hepar::cpu {
namespace {

// G g of one column, for the transform of winograd.cpp.
void TransformColumn(const double* g, double* o) {
  const double odd = g[1] * std::sqrt(0.5);
  o[0] = g[0];
  o[1] = -(g[0] + odd + g[2] / 2) / 1.5;
  o[2] = -(g[0] - odd + g[2] / 2) / 1.5;
  o[3] = (g[0] / 2 + odd + g[2]) / 3;
  o[4] = (g[0] / 2 - odd + g[2]) / 3;
  o[5] = g[2] * std::sqrt(8.0);
}

// G g G^T.
void TransformWeights(const float* g, double points[kWinogradPoints]) {
  double columns[6][3];
  for (int x = 0; x < 3; ++x) {
    const double column[3] = {g[x], g[3 + x], g[6 + x]};
    double o[6];
    TransformColumn(column, o);
    for (int y = 0; y < 6; ++y) columns[y][x] = o[y];
  }
  for (int y = 0; y < 6; ++y) TransformColumn(columns[y], points + 6 * y);
}

// The order of packed weights, outermost first: points, groups of output blocks that one pass
// computes, pairs of inputs, output lanes, the two inputs of a pair.
struct Packing {
  int out_blocks, lanes, pair;
};

// Offset of the first weight of an output lane at the first point, and the stride from pair to
// pair.
struct PackedPosition {
  std::size_t offset, stride;
};

PackedPosition PositionOf(int lane, int depth, const Packing& packing) {
  const int lanes = packing.lanes, block = lane / lanes;
  int first = 0;
  for (int group = VectorsAtOnce(packing.out_blocks); first + group <= block;
       group = VectorsAtOnce(packing.out_blocks - first)) {
    first += group;
  }
  const int group = VectorsAtOnce(packing.out_blocks - first);
  const auto before = static_cast<std::size_t>(first) * lanes * depth;
  return {before + static_cast<std::size_t>(lane - first * lanes) * packing.pair,
          static_cast<std::size_t>(group) * lanes * packing.pair};
}

// Rounded to nearest, ties to even. `value` is finite.
std::uint16_t ToBf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

// `transform(kernel, points)` turns the `taps` weights of an output and an input into `count`
// points.
template <typename Number, typename Transform>
void PackAs(const float* weights, int taps, int count, const Transform& transform,
            const PackedInputs& input, const std::vector<int>& out_lanes, const Packing& packing,
            Number (*convert)(float), Number* packed) {
  const std::size_t per_point =
      static_cast<std::size_t>(input.depth) * packing.out_blocks * packing.lanes;
  std::fill(packed, packed + count * per_point, Number{0});
  for (const int lane : out_lanes) {
    const PackedPosition at = PositionOf(lane, input.depth, packing);
    for (const int i : input.positions) {
      double points[kWinogradPoints];
      transform(weights, points);
      weights += taps;
      Number* to = packed + at.offset + i / packing.pair * at.stride + i % packing.pair;
      for (int p = 0; p < count; ++p) to[p * per_point] = convert(static_cast<float>(points[p]));
    }
  }
}

float Identity(float x) { return x; }

template <typename Transform>
void Pack(const float* weights, int taps, int count, const Transform& transform,
          const PackedInputs& input, const std::vector<int>& out_lanes, const Packing& packing,
          float* packed) {
  if (packing.pair == 1) {
    PackAs(weights, taps, count, transform, input, out_lanes, packing, Identity, packed);
  } else {
    PackAs(weights, taps, count, transform, input, out_lanes, packing, ToBf16,
           reinterpret_cast<std::uint16_t*>(packed));
  }
}

void TakeOne(const float* weight, double* point) { *point = *weight; }

}  // namespace

PackedInputs PackedInputsOf(const std::vector<int>& used_lanes, const Kernels& kernels) {
  PackedInputs input;
  for (const int used : used_lanes) {
    for (int lane = 0; lane < used; ++lane) input.positions.push_back(input.depth + lane);
    input.depth += DepthOf(used, kernels.pair);
  }
  return input;
}

PackedInputs PackedTapsOf(int channels, int kernel_height, int kernel_width, int dilation,
                          const Kernels& kernels) {
  const int at_once = TapsAtOnce(dilation, kernels.pair);
  PackedInputs taps;
  for (int row = 0; row < channels * kernel_height; ++row) {
    for (int x = 0; x < kernel_width; x += at_once, taps.depth += kernels.pair) {
      for (int i = 0; i < at_once && x + i < kernel_width; ++i) {
        taps.positions.push_back(taps.depth + i);
      }
    }
  }
  return taps;
}

int WinogradTilesAtOnce(int depth, int out_blocks, const Extent& extent, int dilation,
                        const Kernels& kernels) {
  constexpr int kCacheFloats = 64 * 1024;  // 256 KiB of transformed tiles.
  const auto side = [dilation](int pixels) {
    return ((pixels + dilation - 1) / dilation + kWinogradTile - 1) / kWinogradTile;
  };
  const int all = dilation * dilation * side(extent.height) * side(extent.width);
  const int fit =
      kCacheFloats / (kWinogradPoints * (depth / kernels.pair + out_blocks * kernels.lanes));
  // The weights are read once per round, so a round must not be too short. The inner loops handle
  // multiples of this grain.
  const int grain = kernels.lanes == 16 ? 16 : 12;
  return std::min(all, std::max(2 * grain, fit / grain * grain));
}

std::size_t WinogradWorkspace(int depth, int out_blocks, int tiles, const Kernels& kernels) {
  return WinogradInputFloats(depth + kernels.lanes, tiles, kernels.pair) +
         std::size_t{kWinogradPoints} *
             (static_cast<std::size_t>(tiles) * out_blocks * kernels.lanes + kWinogradSkew);
}

std::size_t PackedFloats(int points, int depth, int out_blocks, const Kernels& kernels) {
  return static_cast<std::size_t>(points) * depth * out_blocks * kernels.lanes / kernels.pair;
}

void PackWinogradWeights(const float* weights, const PackedInputs& input,
                         const std::vector<int>& out_lanes, int out_blocks, const Kernels& kernels,
                         float* packed) {
  Pack(weights, 9, kWinogradPoints, TransformWeights, input, out_lanes,
       {out_blocks, kernels.lanes, kernels.pair}, packed);
}

void PackDirectWeights(const float* weights, const PackedInputs& input,
                       const std::vector<int>& out_lanes, int out_blocks, const Kernels& kernels,
                       float* packed) {
  Pack(weights, 1, 1, TakeOne, input, out_lanes, {out_blocks, kernels.lanes, kernels.pair}, packed);
}

std::size_t PlanarWorkspace(int channels, const Extent& in, int padding, const Kernels& kernels) {
  if (padding == 0 && kernels.pair == 1) return 0;
  const Extent padded = {in.height + 2 * padding, in.width + 2 * padding};
  // A pair that begins at the last number reads one beyond it.
  return (channels * padded.pixels() + kernels.pair) / kernels.pair;
}

std::size_t AttentionWorkspace(int tokens, int channels) {
  // Input, query, key, value and mixture; and two vectors of scores for each token.
  return static_cast<std::size_t>(AttentionStride(tokens)) * (5 * channels + 32);
}

std::size_t AttentionAdjointWorkspace(int tokens, int channels) {
  // Input, gradient, normalized tokens and mixture; query, key, value and their gradients; a row of
  // zeros, three of statistics, and two vectors for each token.
  return static_cast<std::size_t>(AttentionStride(tokens)) * (10 * channels + 4 + 32) + channels;
}

std::size_t UpsamplePlanarWorkspace(int in_width, const Kernels& kernels) {
  // A row, with room for a vector on both sides.
  return static_cast<std::size_t>(in_width) + 2 * static_cast<std::size_t>(kernels.lanes);
}

}  // namespace hepar::cpu
