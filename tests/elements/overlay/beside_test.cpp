// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How caps change; tests/elements/formats_test.cpp looks at pictures.
#include "elements/overlay/beside.h"

#include <gtest/gtest.h>

#include <string>

namespace hepar {
namespace {

std::string Beside(const std::string& caps_text, bool widen) {
  g_autoptr(GstCaps) caps = gst_caps_from_string(caps_text.c_str());
  g_autoptr(GstCaps) other = BesideCaps(caps, widen);
  g_autofree gchar* text = gst_caps_to_string(other);
  return text;
}

TEST(BesideTest, TheStripIsEvenAndGrowsWithTheHeight) {
  int before = 0;
  for (int height = 16; height <= 4096; ++height) {
    const int width = StripWidth(height);
    EXPECT_EQ(width % 2, 0);
    EXPECT_GE(width, before);
    before = width;
  }
  EXPECT_EQ(StripWidth(240), 136);
  EXPECT_EQ(StripWidth(480), 172);
  EXPECT_EQ(StripWidth(1080), 386);
}

TEST(BesideTest, FixedCapsGetWiderAndNarrowerAgain) {
  const std::string narrow = "video/x-raw, width=(int)640, height=(int)480";
  const std::string wide = "video/x-raw, width=(int)812, height=(int)480";
  EXPECT_EQ(Beside(narrow, true), wide);
  EXPECT_EQ(Beside(wide, false), narrow);
}

TEST(BesideTest, RangesHoldEverySize) {
  EXPECT_EQ(Beside("video/x-raw, width=(int)[ 16, 4096 ], height=(int)480", true),
            "video/x-raw, width=(int)[ 188, 4268 ], height=(int)480");
  EXPECT_EQ(Beside("video/x-raw, width=(int)[ 188, 812 ], height=(int)[ 240, 480 ]", false),
            "video/x-raw, width=(int)[ 16, 676 ], height=(int)[ 240, 480 ]");
  EXPECT_EQ(Beside("video/x-raw, format=(string)GRAY8", true), "video/x-raw, format=(string)GRAY8");
}

TEST(BesideTest, WhatHasNoRoomForAPictureIsLeftOut) {
  EXPECT_EQ(Beside("video/x-raw, width=(int)172, height=(int)480", false), "EMPTY");
}

}  // namespace
}  // namespace hepar
