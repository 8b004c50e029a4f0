// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"

// What kernels need besides feature maps: packed weights and workspace sizes.
namespace hepar::cpu {

// Positions of the input channels along the depth of packed weights, which is what convolutions sum
// over. The used lanes of all blocks follow each other; where kernels multiply pairs, each block is
// padded to whole pairs.
struct PackedInputs {
  std::vector<int> positions;  // By channel.
  int depth = 0;               // Including padding.
};
PackedInputs PackedInputsOf(const std::vector<int>& used_lanes, const Kernels& kernels);
// The same for the taps of a planar convolution, by channel, kernel row and kernel column.
// Neighboring taps of a row form pairs.
PackedInputs PackedTapsOf(int channels, int kernel_height, int kernel_width, int dilation,
                          const Kernels& kernels);

// Points of a transformed Winograd tile.
constexpr int kWinogradPoints = 36;

// Packs weights (out_channels x in_channels x taps) as the kernels read them. out_lanes[o] is the
// lane of output channel o, counted over all output blocks. `packed` has room for PackedFloats():
// with kWinogradPoints for Winograd's, 1 for pointwise and planar convolutions.
std::size_t PackedFloats(int points, int depth, int out_blocks, const Kernels& kernels);
void PackWinogradWeights(const float* weights, const PackedInputs& input,
                         const std::vector<int>& out_lanes, int out_blocks, const Kernels& kernels,
                         float* packed);
void PackDirectWeights(const float* weights, const PackedInputs& input,
                       const std::vector<int>& out_lanes, int out_blocks, const Kernels& kernels,
                       float* packed);

// Number of tiles per round such that the transformed tiles stay in the second-level cache.
int WinogradTilesAtOnce(int depth, int out_blocks, const Extent& extent, int dilation,
                        const Kernels& kernels);

// Workspace sizes in floats; 0 where the kernel needs none.
std::size_t WinogradWorkspace(int depth, int out_blocks, int tiles_at_once, const Kernels& kernels);
std::size_t PlanarWorkspace(int channels, const Extent& in, int padding, const Kernels& kernels);
std::size_t AttentionWorkspace(int tokens, int channels);
std::size_t AttentionAdjointWorkspace(int tokens, int channels);
std::size_t UpsamplePlanarWorkspace(int in_width, const Kernels& kernels);

}  // namespace hepar::cpu
