// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

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

}  // namespace hepar::cpu
