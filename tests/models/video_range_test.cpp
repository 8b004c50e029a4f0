// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/video_range.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hepar {
namespace {

constexpr int kWidth = 64, kHeight = 48;

struct Layout {
  PixelFormat format;
  int first, step;  // Of luma, in bytes.
};

constexpr Layout kLayouts[] = {{PixelFormat::kGray8, 0, 1}, {PixelFormat::kI420, 0, 1},
                               {PixelFormat::kNv12, 0, 1},  {PixelFormat::kYuy2, 0, 2},
                               {PixelFormat::kUyvy, 1, 2},  {PixelFormat::kGray16Le, 1, 2}};

// Luma of `level`, with the first `dark` pixels of each row at `black`; all other components are 0.
struct Frame {
  Frame(const Layout& layout, int level, int dark, int black) {
    const int stride = kWidth * layout.step + 6;  // Padded with zeros, which must not count.
    bytes.assign(static_cast<std::size_t>(stride) * kHeight, 0);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        bytes[y * stride + layout.first + x * layout.step] =
            static_cast<std::uint8_t>(x < dark ? black : level);
      }
    }
    view.format = layout.format;
    view.width = kWidth;
    view.height = kHeight;
    view.planes[0] = bytes.data();
    view.strides[0] = stride;
    view.limited_range = true;
  }

  std::vector<std::uint8_t> bytes;
  FrameView view;
};

TEST(VideoRangeTest, BlackAtZeroShowsFullRangeInEachLayout) {
  for (const Layout& layout : kLayouts) {
    SCOPED_TRACE(static_cast<int>(layout.format));
    EXPECT_TRUE(ShowsFullRange(Frame(layout, 90, kWidth / 3, 0).view));
    EXPECT_TRUE(ShowsFullRange(Frame(layout, 90, kWidth / 3, 4).view));
    EXPECT_FALSE(ShowsFullRange(Frame(layout, 90, kWidth / 3, 16).view));
    EXPECT_FALSE(ShowsFullRange(Frame(layout, 90, kWidth / 3, 5).view));
  }
}

TEST(VideoRangeTest, AFewDarkSamplesAreOvershoot) {
  EXPECT_FALSE(ShowsFullRange(Frame(kLayouts[0], 90, 1, 0).view));  // 1.6 %.
  EXPECT_TRUE(ShowsFullRange(Frame(kLayouts[0], 90, 2, 0).view));   // 3.1 %.
}

TEST(VideoRangeTest, WhatIsSaidToBeFullRangeOrIsRgbIsLeftAlone) {
  Frame full(kLayouts[0], 90, kWidth / 3, 0);
  full.view.limited_range = false;
  EXPECT_FALSE(ShowsFullRange(full.view));
  Frame rgb({PixelFormat::kRgb, 0, 3}, 90, kWidth / 3, 0);
  EXPECT_FALSE(ShowsFullRange(rgb.view));
}

}  // namespace
}  // namespace hepar
