// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "models/engine/cpu/frame_layout.h"
#include "models/engine/cpu/kernels/kernels.h"
#include "models/graph/gradient_graph.h"
#include "models/graph/graph.h"

namespace hepar::cpu {

// Where the feature map of a value of the graph is stored: its buffer, and its layout there
// (kernels.h). Sizes are in floats; the numbers of blocked maps may be shorter (Kernels::pair).
struct Placement {
  int buffer = 0;
  std::size_t offset = 0;  // From the start of the buffer.
  std::size_t floats = 0;
  bool planar = false;
  // Only for blocked maps:
  int blocks = 0;
  std::vector<int> lane_of;     // By channel: its lane, counted over all blocks.
  std::vector<int> used_lanes;  // By block: number of lanes that hold channels.
};

// A blocked map in a buffer of its own, whose channels fill the lanes in order.
Placement BlockedPlacement(const Shape& shape, const Kernels& kernels);
// A planar map in a buffer of its own.
Placement PlanarPlacement(const Shape& shape);

// The placements of all values.
struct MapLayouts {
  static constexpr int kFrame = 0;  // The caller's buffer; the plan allocates the others.

  FrameLayout frame;
  std::vector<Placement> placements;  // By value, then by gradient.
  std::vector<std::size_t> buffers;   // Floats of each.
};

// Chooses layouts and buffers. The parts of a concatenation share its buffer where they can, so
// that it costs nothing; a part that is stored elsewhere has to be copied.
MapLayouts LayOut(const Graph& graph, const Kernels& kernels);

// The same for a gradient graph. Each gradient is stored like the value that it belongs to, in a
// buffer of its own; a part of the gradient of a concatenation lies inside that.
MapLayouts LayOut(const GradientGraph& graph, const Kernels& kernels);

}  // namespace hepar::cpu
