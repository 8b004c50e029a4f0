// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels.h"

#include <algorithm>

#define HEPAR_ISA portable
#include "models/engine/cpu/kernels/table.h"
#undef HEPAR_ISA

namespace hepar::cpu {
#ifdef HEPAR_X86
namespace avx2 {
const Kernels& Table();
}
namespace avx512 {
const Kernels& Table();
}
#endif

namespace {

constexpr int kPlaces = 36;

// G g for one column, G of Winograd's F(4, 3).
void TransformColumn(const double* g, double* o) {
  o[0] = g[0] / 4;
  o[1] = -(g[0] + g[1] + g[2]) / 6;
  o[2] = -(g[0] - g[1] + g[2]) / 6;
  o[3] = g[0] / 24 + g[1] / 12 + g[2] / 6;
  o[4] = g[0] / 24 - g[1] / 12 + g[2] / 6;
  o[5] = g[2];
}

// G g G^T.
void TransformWeights(const float* g, double places[kPlaces]) {
  double columns[6][3];
  for (int x = 0; x < 3; ++x) {
    const double column[3] = {g[x], g[3 + x], g[6 + x]};
    double o[6];
    TransformColumn(column, o);
    for (int y = 0; y < 6; ++y) columns[y][x] = o[y];
  }
  for (int y = 0; y < 6; ++y) TransformColumn(columns[y], places + 6 * y);
}

// Where the weight of output lane `slot` and input channel 0 lies at the first place, and how far
// the next channel is.
struct PackedPlace {
  std::size_t offset, stride;
};

PackedPlace PlaceOf(int slot, int in_channels, int out_blocks, int lanes) {
  const int block = slot / lanes;
  int first = 0;
  for (int group = WinogradGroup(out_blocks); first + group <= block;
       group = WinogradGroup(out_blocks - first)) {
    first += group;
  }
  const int group = WinogradGroup(out_blocks - first);
  const auto before = static_cast<std::size_t>(first) * lanes * in_channels;
  return {before + static_cast<std::size_t>(slot - first * lanes),
          static_cast<std::size_t>(group) * lanes};
}

}  // namespace

int WinogradTilesAtOnce(int in_channels, int out_channels, const Extent& extent, int dilation) {
  constexpr int kCacheFloats = 64 * 1024;  // 256 KiB of transformed tiles.
  const auto side = [dilation](int pixels) {
    return ((pixels + dilation - 1) / dilation + kWinogradTile - 1) / kWinogradTile;
  };
  const int all = dilation * dilation * side(extent.height) * side(extent.width);
  const int fit = kCacheFloats / (kPlaces * (in_channels + out_channels));
  // Weights are read once for each round of tiles, so a round must not be too short; multiples of
  // 12 suit the inner loops.
  return std::min(all, std::max(24, fit / 12 * 12));
}

std::size_t WinogradWorkspace(int in_channels, int out_channels, int tiles) {
  constexpr int kMostLanes = 16;
  return WinogradInputFloats(in_channels + kMostLanes, tiles) +
         std::size_t{kPlaces} * (static_cast<std::size_t>(tiles) * out_channels + kWinogradSkew);
}

std::size_t WinogradWeightCount(int in_channels, int out_blocks, int lanes) {
  return std::size_t{kPlaces} * in_channels * out_blocks * lanes;
}

void PackWinogradWeights(const float* weights, int in_channels, int out_channels,
                         const int* out_slots, int out_blocks, int lanes, float* packed) {
  const std::size_t per_place = static_cast<std::size_t>(in_channels) * out_blocks * lanes;
  std::fill(packed, packed + kPlaces * per_place, 0.f);
  for (int o = 0; o < out_channels; ++o) {
    const PackedPlace at = PlaceOf(out_slots[o], in_channels, out_blocks, lanes);
    for (int i = 0; i < in_channels; ++i) {
      double places[kPlaces];
      TransformWeights(weights + (static_cast<std::size_t>(o) * in_channels + i) * 9, places);
      for (int p = 0; p < kPlaces; ++p) {
        packed[p * per_place + at.offset + i * at.stride] = static_cast<float>(places[p]);
      }
    }
  }
}

std::size_t AttentionWorkspace(int tokens, int channels) {
  // Input, query, key and value, mixture; and one vector of scores for each token.
  return static_cast<std::size_t>(AttentionStride(tokens)) * (5 * channels + 16);
}

const Kernels& BestKernels() {
#ifdef HEPAR_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    return avx512::Table();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::Table();
#endif
  return PortableKernels();
}

const Kernels& PortableKernels() { return portable::Table(); }

}  // namespace hepar::cpu
