// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/scene_cut.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace hepar {
namespace {

// Speckle under a brightness that falls off with depth, or rises for another scene.
class Scan {
 public:
  // `padding` bytes with the value `filler` follow each row.
  Scan(int width, int height, bool rising, unsigned seed, int padding = 0, std::uint8_t filler = 0)
      : pixels_((width + padding) * height, filler) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> speckle(0.3, 1.7);
    for (int y = 0; y < height; ++y) {
      const double depth = static_cast<double>(y) / height;
      const double level = rising ? 20.0 + 100.0 * depth : 120.0 - 100.0 * depth;
      for (int x = 0; x < width; ++x) {
        pixels_[y * (width + padding) + x] = static_cast<std::uint8_t>(level * speckle(random));
      }
    }
    view_.width = width;
    view_.height = height;
    view_.planes[0] = pixels_.data();
    view_.strides[0] = width + padding;
  }
  const FrameView& view() const { return view_; }

 private:
  std::vector<std::uint8_t> pixels_;
  FrameView view_;
};

TEST(SceneCutTest, TheFirstFrameIsNoCut) {
  EXPECT_FALSE(SceneCut().Update(Scan(320, 240, false, 1).view()));
}

TEST(SceneCutTest, OtherSpeckleInTheSamePlaceIsNoCut) {
  SceneCut cut;
  for (unsigned seed = 1; seed < 10; ++seed) {
    EXPECT_FALSE(cut.Update(Scan(320, 240, false, seed).view())) << seed;
  }
}

TEST(SceneCutTest, AnotherSceneIsACutOnce) {
  SceneCut cut;
  cut.Update(Scan(320, 240, false, 1).view());
  EXPECT_TRUE(cut.Update(Scan(320, 240, true, 2).view()));
  EXPECT_FALSE(cut.Update(Scan(320, 240, true, 3).view()));
}

TEST(SceneCutTest, WhatFollowsARowInMemoryDoesNotCount) {
  SceneCut cut;
  cut.Update(Scan(320, 240, false, 1, 320, 0).view());
  EXPECT_FALSE(cut.Update(Scan(320, 240, false, 2, 320, 255).view()));
  EXPECT_TRUE(cut.Update(Scan(320, 240, true, 3, 320, 255).view()));
}

TEST(SceneCutTest, ForgetsTheFrameBeforeAReset) {
  SceneCut cut;
  cut.Update(Scan(320, 240, false, 1).view());
  cut.Reset();
  EXPECT_FALSE(cut.Update(Scan(320, 240, true, 2).view()));
}

TEST(SceneCutTest, TakesTheSmallestFrameAndOtherSizes) {
  SceneCut cut;
  EXPECT_FALSE(cut.Update(Scan(16, 16, false, 1).view()));
  EXPECT_TRUE(cut.Update(Scan(17, 31, true, 2).view()));
}

}  // namespace
}  // namespace hepar
