// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels/packing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "models/engine/cpu/kernels/shared.h"

namespace hepar::cpu {
namespace {

// G g for one column, G of Winograd's F(4, 3) with the points and the scale of winograd.cpp.
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
void TransformWeights(const float* g, double places[kWinogradPlaces]) {
  double columns[6][3];
  for (int x = 0; x < 3; ++x) {
    const double column[3] = {g[x], g[3 + x], g[6 + x]};
    double o[6];
    TransformColumn(column, o);
    for (int y = 0; y < 6; ++y) columns[y][x] = o[y];
  }
  for (int y = 0; y < 6; ++y) TransformColumn(columns[y], places + 6 * y);
}

// How weights lie: for each place of a transform the groups of outputs that are computed at once,
// for each group the input channels, pair by pair, of each pair the lanes.
struct Packing {
  int out_blocks, lanes, pair;
};

// Where the weights of output lane `slot` begin at the first place, and how far those of the next
// pair are.
struct PackedPlace {
  std::size_t offset, stride;
};

PackedPlace PlaceOf(int slot, int depth, const Packing& packing) {
  const int lanes = packing.lanes, block = slot / lanes;
  int first = 0;
  for (int group = VectorsAtOnce(packing.out_blocks); first + group <= block;
       group = VectorsAtOnce(packing.out_blocks - first)) {
    first += group;
  }
  const int group = VectorsAtOnce(packing.out_blocks - first);
  const auto before = static_cast<std::size_t>(first) * lanes * depth;
  return {before + static_cast<std::size_t>(slot - first * lanes) * packing.pair,
          static_cast<std::size_t>(group) * lanes * packing.pair};
}

// Rounded to nearest, ties to even. `value` is finite.
std::uint16_t ToBf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

// transform(kernel, places) makes `count` numbers of the `taps` weights of an output and an input.
template <typename Number, typename Transform>
void PackAs(const float* weights, int taps, int count, const Transform& transform,
            const InputPlaces& input, const std::vector<int>& out_slots, const Packing& packing,
            Number (*convert)(float), Number* packed) {
  const std::size_t per_place =
      static_cast<std::size_t>(input.depth) * packing.out_blocks * packing.lanes;
  std::fill(packed, packed + count * per_place, Number{0});
  for (const int slot : out_slots) {
    const PackedPlace at = PlaceOf(slot, input.depth, packing);
    for (const int i : input.places) {
      double places[kWinogradPlaces];
      transform(weights, places);
      weights += taps;
      Number* to = packed + at.offset + i / packing.pair * at.stride + i % packing.pair;
      for (int p = 0; p < count; ++p) to[p * per_place] = convert(static_cast<float>(places[p]));
    }
  }
}

float AsItIs(float x) { return x; }

template <typename Transform>
void Pack(const float* weights, int taps, int count, const Transform& transform,
          const InputPlaces& input, const std::vector<int>& out_slots, const Packing& packing,
          float* packed) {
  if (packing.pair == 1) {
    PackAs(weights, taps, count, transform, input, out_slots, packing, AsItIs, packed);
  } else {
    PackAs(weights, taps, count, transform, input, out_slots, packing, ToBf16,
           reinterpret_cast<std::uint16_t*>(packed));
  }
}

void TakeOne(const float* weight, double* place) { *place = *weight; }

}  // namespace

InputPlaces InputPlacesOf(const std::vector<int>& used_lanes, const Kernels& kernels) {
  InputPlaces input;
  for (const int used : used_lanes) {
    for (int lane = 0; lane < used; ++lane) input.places.push_back(input.depth + lane);
    input.depth += DepthOf(used, kernels.pair);
  }
  return input;
}

InputPlaces PlanarPlacesOf(int channels, int kernel_height, int kernel_width, int dilation,
                           const Kernels& kernels) {
  const int at_once = TapsAtOnce(dilation, kernels.pair);
  InputPlaces taps;
  for (int row = 0; row < channels * kernel_height; ++row) {
    for (int x = 0; x < kernel_width; x += at_once, taps.depth += kernels.pair) {
      for (int i = 0; i < at_once && x + i < kernel_width; ++i) {
        taps.places.push_back(taps.depth + i);
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
      kCacheFloats / (kWinogradPlaces * (depth / kernels.pair + out_blocks * kernels.lanes));
  // Weights are read once for each round of tiles, so a round must not be too short; these
  // multiples suit the inner loops.
  const int grain = kernels.lanes == 16 ? 16 : 12;
  return std::min(all, std::max(2 * grain, fit / grain * grain));
}

std::size_t WinogradWorkspace(int depth, int out_blocks, int tiles, const Kernels& kernels) {
  return WinogradInputFloats(depth + kernels.lanes, tiles, kernels.pair) +
         std::size_t{kWinogradPlaces} *
             (static_cast<std::size_t>(tiles) * out_blocks * kernels.lanes + kWinogradSkew);
}

std::size_t PackedFloats(int places, int depth, int out_blocks, const Kernels& kernels) {
  return static_cast<std::size_t>(places) * depth * out_blocks * kernels.lanes / kernels.pair;
}

void PackWinogradWeights(const float* weights, const InputPlaces& input,
                         const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                         float* packed) {
  Pack(weights, 9, kWinogradPlaces, TransformWeights, input, out_slots,
       {out_blocks, kernels.lanes, kernels.pair}, packed);
}

void PackDirectWeights(const float* weights, const InputPlaces& input,
                       const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                       float* packed) {
  Pack(weights, 1, 1, TakeOne, input, out_slots, {out_blocks, kernels.lanes, kernels.pair}, packed);
}

std::size_t PlanarWorkspace(int channels, const Extent& in, int padding, const Kernels& kernels) {
  if (padding == 0 && kernels.pair == 1) return 0;
  const Extent padded = {in.height + 2 * padding, in.width + 2 * padding};
  // A pair that begins at the last number ends behind it.
  return (channels * padded.pixels() + kernels.pair) / kernels.pair;
}

std::size_t AttentionWorkspace(int tokens, int channels) {
  // Input, query, key and value, mixture; and two vectors of scores for each token.
  return static_cast<std::size_t>(AttentionStride(tokens)) * (5 * channels + 32);
}

}  // namespace hepar::cpu
