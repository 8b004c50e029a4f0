// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/grading_stats.h"

#include <gtest/gtest.h>

#include <memory>

namespace hepar {
namespace {

struct StructureDeleter {
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
using StructurePtr = std::unique_ptr<GstStructure, StructureDeleter>;

double Number(const StructurePtr& structure, const char* field) {
  gdouble value = -1.0;
  EXPECT_TRUE(gst_structure_get_double(structure.get(), field, &value)) << field;
  return value;
}

TEST(GradingStatsTest, CountsWhatBecameOfEachFrame) {
  GradingStats stats;
  EXPECT_FALSE(stats.started());
  stats.Start();
  EXPECT_TRUE(stats.started());
  for (int i = 0; i < 10; ++i) stats.AddFrame(i);
  for (int i = 0; i < 4; ++i) stats.AddGraded(1.0);
  stats.AddSkipped();
  stats.AddError();
  const FrameCounts counts = stats.Count(3);
  EXPECT_EQ(counts.frames, 10u);
  EXPECT_EQ(counts.graded, 4u);
  EXPECT_EQ(counts.skipped, 4u);
  EXPECT_EQ(counts.errors, 1u);
  EXPECT_EQ(counts.pending(), 1u);
  stats.Start();
  EXPECT_EQ(stats.Count(0).frames, 0u);
}

TEST(GradingStatsTest, MeasuresTheLast512InferenceTimes) {
  GradingStats stats;
  stats.Start();
  stats.AddGraded(1e6);  // Not among the last 512.
  for (int i = 1; i <= 512; ++i) stats.AddGraded(i);
  const StructurePtr structure(stats.ToStructure(0));
  EXPECT_STREQ(gst_structure_get_name(structure.get()), "hepar-stats");
  EXPECT_NEAR(Number(structure, "inference-mean"), 256.5, 1e-9);
  EXPECT_EQ(Number(structure, "inference-p50"), 256.0);
  EXPECT_EQ(Number(structure, "inference-p99"), 506.0);
  EXPECT_EQ(Number(structure, "inference-max"), 512.0);
}

TEST(GradingStatsTest, MeasuresTheFrameRateOverTheLast64Frames) {
  GradingStats stats;
  stats.Start();
  EXPECT_EQ(Number(StructurePtr(stats.ToStructure(0)), "fps"), 0.0);
  stats.AddFrame(-1'000'000'000);  // Not among the last 64.
  for (int i = 0; i < 64; ++i) stats.AddFrame(i * 40'000);
  EXPECT_NEAR(Number(StructurePtr(stats.ToStructure(0)), "fps"), 25.0, 1e-9);
}

}  // namespace
}  // namespace hepar
