// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "models/engine/cpu/frame_layout.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/graph/graph.h"

namespace hepar::cpu {

// Where a value of the graph lies: `offset` floats into a buffer. Numbers of blocked maps may be
// shorter (Kernels::pair).
struct Place {
  int buffer = 0;
  std::size_t offset = 0;
  bool planar = false;
  int blocks = 0;               // Blocked maps only, as the next two.
  std::vector<int> slots;       // Of each channel, its lane, counted over all blocks.
  std::vector<int> used_lanes;  // Of each block, how many of its first lanes hold channels.
};

// The layout and place of every value.
struct MapLayouts {
  static constexpr int kFrame = 0;  // The buffer that the caller gives; the others are the plan's.

  FrameLayout frame;
  std::vector<Place> places;         // By value.
  std::vector<std::size_t> buffers;  // Floats of each.
};

// Parts of a concatenation share its buffer where they can; a part that lies elsewhere has to be
// copied into it.
MapLayouts LayOut(const Graph& graph, const Kernels& kernels);

}  // namespace hepar::cpu
