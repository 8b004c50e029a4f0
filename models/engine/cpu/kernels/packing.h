// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"

// What kernels need beside the maps: packed weights and workspaces.
namespace hepar::cpu {

// Where the input channels stand in products: those of the used lanes in their order, with gaps
// that fill each block's up to whole pairs where kernels multiply pairs.
struct InputPlaces {
  std::vector<int> places;  // Of each channel.
  int depth = 0;            // Places and gaps.
};
InputPlaces InputPlacesOf(const std::vector<int>& used_lanes, const Kernels& kernels);
// The same of the taps of a planar convolution, channel by channel and row by row: neighbours in a
// row make a pair.
InputPlaces PlanarPlacesOf(int channels, int kernel_height, int kernel_width, int dilation,
                           const Kernels& kernels);

// Weights as kernels read them. `weights` is out_channels x in_channels x kernel; out_slots[o] is
// the lane, counted over all output blocks, that output o fills. `packed` holds PackedFloats(), of
// kWinogradPlaces for Winograd's and 1 for the direct convolutions, pointwise and planar.
constexpr int kWinogradPlaces = 36;
std::size_t PackedFloats(int places, int depth, int out_blocks, const Kernels& kernels);
void PackWinogradWeights(const float* weights, const InputPlaces& input,
                         const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                         float* packed);
void PackDirectWeights(const float* weights, const InputPlaces& input,
                       const std::vector<int>& out_slots, int out_blocks, const Kernels& kernels,
                       float* packed);
// tiles_at_once such that the transformed tiles stay in the second-level cache.
int WinogradTilesAtOnce(int depth, int out_blocks, const Extent& extent, int dilation,
                        const Kernels& kernels);
std::size_t WinogradWorkspace(int depth, int out_blocks, int tiles_at_once, const Kernels& kernels);
std::size_t PlanarWorkspace(int channels, const Extent& in, int padding, const Kernels& kernels);
std::size_t AttentionWorkspace(int tokens, int channels);

}  // namespace hepar::cpu
