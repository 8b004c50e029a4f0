// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace hepar::cpu {
namespace {

constexpr std::size_t kGrain = 16;

std::size_t RoundUp(std::size_t floats) { return (floats + kGrain - 1) / kGrain * kGrain; }

struct Range {
  std::size_t begin, end;
};

// `taken` is sorted by `begin`; ranges may overlap.
std::size_t BestGap(const std::vector<Range>& taken, std::size_t floats) {
  std::size_t best = 0, best_size = std::numeric_limits<std::size_t>::max(), end = 0;
  bool found = false;
  for (const Range& other : taken) {
    if (other.begin > end) {
      const std::size_t gap = other.begin - end;
      if (gap >= floats && gap < best_size) {
        best = end;
        best_size = gap;
        found = true;
      }
    }
    end = std::max(end, other.end);
  }
  return found ? best : end;
}

}  // namespace

MemoryPlan PlanMemory(const std::vector<BufferUse>& buffers) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return buffers[a].floats > buffers[b].floats;
  });

  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<std::size_t> done;
  for (const std::size_t index : order) {
    const BufferUse& buffer = buffers[index];
    if (buffer.last < buffer.first) continue;
    std::vector<Range> taken;
    for (const std::size_t other : done) {
      if (buffers[other].first <= buffer.last && buffer.first <= buffers[other].last) {
        taken.push_back(
            {plan.offsets[other], plan.offsets[other] + RoundUp(buffers[other].floats)});
      }
    }
    std::sort(taken.begin(), taken.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    plan.offsets[index] = BestGap(taken, RoundUp(buffer.floats));
    plan.floats = std::max(plan.floats, plan.offsets[index] + RoundUp(buffer.floats));
    done.push_back(index);
  }
  return plan;
}

}  // namespace hepar::cpu
