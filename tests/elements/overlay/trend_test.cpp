// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/trend.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(OverlayTrendTest, KeepsTheLastSeconds) {
  OverlayTrend trend;
  for (int i = 0; i < 1000; ++i) trend.Add(i * 0.1 + 0.05, 0.5, 1);
  ASSERT_EQ(trend.points().size(), 201u);
  EXPECT_EQ(trend.points().back().tick - trend.points().front().tick,
            OverlayTrend::kSeconds * OverlayTrend::kTicksPerSecond);
}

TEST(OverlayTrendTest, KeepsTheLastResultOfEachTick) {
  OverlayTrend trend;
  trend.Add(1.01, 0.2, 0);
  trend.Add(1.05, 0.9, 3);
  ASSERT_EQ(trend.points().size(), 1u);
  EXPECT_EQ(trend.points()[0].level, 90);
  EXPECT_EQ(trend.points()[0].grade, 3);
}

TEST(OverlayTrendTest, StartsAfreshWhenTimeStepsBack) {
  OverlayTrend trend;
  trend.Add(5.0, 0.2, 0);
  trend.Add(6.0, 0.2, 0);
  trend.Add(1.0, 0.2, 0);
  EXPECT_EQ(trend.points().size(), 1u);
}

}  // namespace
}  // namespace hepar
