// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/latency_meter.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

int CountChanges(LatencyMeter* meter, int frames, std::uint64_t ns) {
  int changes = 0;
  for (int i = 0; i < frames; ++i) changes += meter->Add(ns);
  return changes;
}

TEST(LatencyMeterTest, AnnouncesTheSeedAtOnce) {
  LatencyMeter meter;
  meter.Seed(20 * kMs);
  EXPECT_EQ(meter.announced(), 20 * kMs);
}

TEST(LatencyMeterTest, SmallChangesAreNotAnnounced) {
  LatencyMeter meter;
  meter.Seed(20 * kMs);
  EXPECT_EQ(CountChanges(&meter, 1000, 23 * kMs), 0);
  EXPECT_EQ(meter.announced(), 20 * kMs);
}

TEST(LatencyMeterTest, AConsiderableChangeIsAnnouncedOnce) {
  LatencyMeter meter;
  meter.Seed(20 * kMs);
  EXPECT_EQ(CountChanges(&meter, 1000, 40 * kMs), 1);
  EXPECT_EQ(meter.announced(), 40 * kMs);
  EXPECT_EQ(CountChanges(&meter, 1000, 5 * kMs), 1);
  EXPECT_EQ(meter.announced(), 5 * kMs);
}

TEST(LatencyMeterTest, ASingleSlowFrameChangesNothing) {
  LatencyMeter meter;
  meter.Seed(20 * kMs);
  EXPECT_FALSE(meter.Add(1000 * kMs));
  EXPECT_EQ(CountChanges(&meter, 100, 20 * kMs), 0);
}

}  // namespace
}  // namespace hepar
