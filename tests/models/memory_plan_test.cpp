// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace hepar::cpu {
namespace {

TEST(MemoryPlanTest, BuffersOfTheSameTimeDoNotOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<BufferUse> buffers(30);
    for (BufferUse& buffer : buffers) {
      buffer.floats = random() % 1000;
      buffer.first = static_cast<int>(random() % 40);
      buffer.last = buffer.first + static_cast<int>(random() % 10);
    }
    const MemoryPlan plan = PlanMemory(buffers);
    for (std::size_t a = 0; a < buffers.size(); ++a) {
      EXPECT_LE(plan.offsets[a] + buffers[a].floats, plan.floats);
      EXPECT_EQ(plan.offsets[a] % 16, 0u);
      for (std::size_t b = 0; b < a; ++b) {
        const bool together =
            buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last;
        const bool apart = plan.offsets[a] + buffers[a].floats <= plan.offsets[b] ||
                           plan.offsets[b] + buffers[b].floats <= plan.offsets[a];
        EXPECT_TRUE(!together || apart) << a << " and " << b;
      }
    }
  }
}

TEST(MemoryPlanTest, MemoryIsUsedAgain) {
  const std::vector<BufferUse> chain = {{160, 0, 1}, {160, 1, 2}, {160, 2, 3}, {160, 3, 4}};
  EXPECT_EQ(PlanMemory(chain).floats, 320u);
}

TEST(MemoryPlanTest, WhatIsNeverUsedTakesNoMemory) {
  EXPECT_EQ(PlanMemory({{1000, 0, -1}}).floats, 0u);
}

}  // namespace
}  // namespace hepar::cpu
