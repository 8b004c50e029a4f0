// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace hepar::cpu {

// Constants shared by the kernels and the code that prepares their operands.

constexpr int kWinogradTile = 4;  // Side of an output tile.
// Padding between the points of transformed tiles, in numbers: keeps the points of one tile in
// different cache sets.
constexpr int kWinogradSkew = 16;

// Depth that the first `used` lanes of a block take in packed weights: one position each, rounded
// up to whole pairs. The weights of padding positions are zero.
constexpr int DepthOf(int used, int pair) { return (used + pair - 1) / pair * pair; }

// Taps in a row of a planar convolution that one multiplication handles: only neighbors can form a
// pair.
constexpr int TapsAtOnce(int dilation, int pair) { return dilation == 1 ? pair : 1; }

// Output blocks that one pass computes when `left` blocks remain.
constexpr int VectorsAtOnce(int left) { return left == 1 || left == 3 ? left : 2; }

// Floats of the transformed input of `tiles` tiles that are `stride` numbers apart, rounded up to
// whole cache lines.
constexpr std::size_t WinogradInputFloats(int stride, int tiles, int pair) {
  const std::size_t numbers =
      std::size_t{36} * (static_cast<std::size_t>(tiles) * stride + kWinogradSkew);
  return (numbers / pair + 15) / 16 * 16;
}

// Number of attention tokens, rounded up to the vector width of any processor.
constexpr int AttentionStride(int tokens) { return (tokens + 15) / 16 * 16; }

}  // namespace hepar::cpu
