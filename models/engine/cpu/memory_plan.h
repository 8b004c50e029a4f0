// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <vector>

namespace hepar::cpu {

// A piece of memory that is needed from step `first` to step `last`, both included.
struct BufferUse {
  std::size_t floats = 0;
  int first = 0, last = -1;  // last < first: never used.
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // Of each buffer, in floats; multiples of 16 (64 bytes).
  std::size_t floats = 0;            // Of all.
};

// Places buffers in one piece of memory so that those needed at the same time do not overlap:
// the largest first, each in the smallest gap that takes it.
MemoryPlan PlanMemory(const std::vector<BufferUse>& buffers);

}  // namespace hepar::cpu
