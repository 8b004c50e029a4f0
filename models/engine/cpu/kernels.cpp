// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

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
namespace avx512bf16 {
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

// Where the weights of output lane `slot` begin at the first place, and how far those of the next
// input channels, as many as a pair has, are.
struct PackedPlace {
  std::size_t offset, stride;
};

PackedPlace PlaceOf(int slot, int depth, int out_blocks, const Kernels& kernels) {
  const int lanes = kernels.lanes, block = slot / lanes;
  int first = 0;
  for (int group = WinogradGroup(out_blocks); first + group <= block;
       group = WinogradGroup(out_blocks - first)) {
    first += group;
  }
  const int group = WinogradGroup(out_blocks - first);
  const auto before = static_cast<std::size_t>(first) * lanes * depth;
  return {before + static_cast<std::size_t>(slot - first * lanes) * kernels.pair,
          static_cast<std::size_t>(group) * lanes * kernels.pair};
}

// Rounded to nearest, ties to even. `value` is finite.
std::uint16_t ToBf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

template <typename Number, typename Convert>
void PackWeights(const float* weights, const WinogradInput& input,
                 const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                 const Convert& convert, Number* packed) {
  const std::size_t per_place =
      static_cast<std::size_t>(input.depth) * out_blocks * kernels.lanes;
  std::fill(packed, packed + kPlaces * per_place, Number{0});
  for (const int slot : out_slots) {
    const PackedPlace at = PlaceOf(slot, input.depth, out_blocks, kernels);
    for (const int i : input.places) {
      double places[kPlaces];
      TransformWeights(weights, places);
      weights += 9;
      Number* to = packed + at.offset + i / kernels.pair * at.stride + i % kernels.pair;
      for (int p = 0; p < kPlaces; ++p) to[p * per_place] = convert(static_cast<float>(places[p]));
    }
  }
}

}  // namespace

WinogradInput WinogradInputOf(const std::vector<int>& used_lanes, const Kernels& kernels) {
  WinogradInput input;
  for (const int used : used_lanes) {
    for (int lane = 0; lane < used; ++lane) input.places.push_back(input.depth + lane);
    input.depth += WinogradDepthOf(used, kernels.pair);
  }
  return input;
}

int WinogradTilesAtOnce(int depth, int out_blocks, const Extent& extent, int dilation,
                        const Kernels& kernels) {
  constexpr int kCacheFloats = 64 * 1024;  // 256 KiB of transformed tiles.
  const auto side = [dilation](int pixels) {
    return ((pixels + dilation - 1) / dilation + kWinogradTile - 1) / kWinogradTile;
  };
  const int all = dilation * dilation * side(extent.height) * side(extent.width);
  const int fit = kCacheFloats / (kPlaces * (depth / kernels.pair + out_blocks * kernels.lanes));
  // Weights are read once for each round of tiles, so a round must not be too short; these
  // multiples suit the inner loops.
  const int grain = kernels.lanes == 16 ? 16 : 12;
  return std::min(all, std::max(2 * grain, fit / grain * grain));
}

std::size_t WinogradWorkspace(int depth, int out_blocks, int tiles, const Kernels& kernels) {
  return WinogradInputFloats(depth + kernels.lanes, tiles, kernels.pair) +
         std::size_t{kPlaces} *
             (static_cast<std::size_t>(tiles) * out_blocks * kernels.lanes + kWinogradSkew);
}

std::size_t WinogradWeightFloats(int depth, int out_blocks, const Kernels& kernels) {
  return std::size_t{kPlaces} * depth * out_blocks * kernels.lanes / kernels.pair;
}

void PackWinogradWeights(const float* weights, const WinogradInput& input,
                         const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                         float* packed) {
  if (kernels.pair == 1) {
    PackWeights(weights, input, out_slots, out_blocks, kernels, [](float x) { return x; }, packed);
  } else {
    PackWeights(weights, input, out_slots, out_blocks, kernels, ToBf16,
                reinterpret_cast<std::uint16_t*>(packed));
  }
}

std::size_t AttentionWorkspace(int tokens, int channels) {
  // Input, query, key and value, mixture; and one vector of scores for each token.
  return static_cast<std::size_t>(AttentionStride(tokens)) * (5 * channels + 16);
}

#ifdef HEPAR_X86
namespace {

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}

}  // namespace
#endif

const Kernels& BestKernels() {
#ifdef HEPAR_X86
  if (HasAvx512()) return avx512::Table();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::Table();
#endif
  return PortableKernels();
}

const Kernels& PortableKernels() { return portable::Table(); }

const Kernels* Bf16Kernels() {
#ifdef HEPAR_X86
  if (HasAvx512() && __builtin_cpu_supports("avx512bf16")) return &avx512bf16::Table();
#endif
  return nullptr;
}

}  // namespace hepar::cpu
