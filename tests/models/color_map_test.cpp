// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/saliency/color_map.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace hepar {
namespace {

// BT.709 luma, 0..255.
double Luma(std::uint32_t rgb) {
  return 0.2126 * ((rgb >> 16) & 255) + 0.7152 * ((rgb >> 8) & 255) + 0.0722 * (rgb & 255);
}

TEST(ColorMapTest, GetsLighterWithTheValue) {
  for (int value = 8; value < 256; value += 8) {
    EXPECT_GT(Luma(MapColor(static_cast<std::uint8_t>(value))),
              Luma(MapColor(static_cast<std::uint8_t>(value - 8))));
  }
}

}  // namespace
}  // namespace hepar
