// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

namespace hepar::cpu {

// A buffer that is in use from step `first` to step `last`, both inclusive.
struct BufferUse {
  std::size_t floats = 0;
  int first = 0, last = -1;  // last < first: unused.
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // Of each buffer, in floats; multiples of 16 (64 bytes).
  std::size_t floats = 0;            // Total size.
};

// Assigns buffers to offsets in one piece of memory such that buffers in use at the same time do
// not overlap: largest first, each in the smallest gap that fits.
MemoryPlan PlanMemory(const std::vector<BufferUse>& buffers);

}  // namespace hepar::cpu
