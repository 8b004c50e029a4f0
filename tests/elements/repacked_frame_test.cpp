// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/repacked_frame.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

using testing::BufferPtr;
using testing::CapsOf;
using testing::InfoOf;

constexpr int kWidth = 17, kHeight = 16;

// A frame whose component samples, of any depth, are those of a function of component, x and y.
BufferPtr Frame(const GstVideoInfo& info, const std::function<int(int, int, int)>& sample) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0, info.size);
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_WRITE));
  const bool is_wide = info.finfo->unpack_format == GST_VIDEO_FORMAT_AYUV64;
  std::vector<guint16> line(4 * (kWidth + 8));
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < 3; ++c) {
        if (is_wide) {
          line[4 * x + 1 + c] = static_cast<guint16>(sample(c, x, y) << 6);
        } else {
          reinterpret_cast<guint8*>(line.data())[4 * x + 1 + c] =
              static_cast<guint8>(sample(c, x, y));
        }
      }
    }
    info.finfo->pack_func(info.finfo, GST_VIDEO_PACK_FLAG_NONE, line.data(), 0, frame.data,
                          info.stride, GST_VIDEO_CHROMA_SITE_UNKNOWN, y, kWidth);
  }
  gst_video_frame_unmap(&frame);
  return buffer;
}

struct Repacked {
  PixelFormat format;
  std::vector<std::uint8_t> row;  // The second of the visible part.
};

Repacked Repack(const std::string& format, bool is_limited, const GstVideoRectangle& visible,
                const std::function<int(int, int, int)>& sample) {
  const GstVideoInfo info = InfoOf(CapsOf(format, kWidth, kHeight));
  const BufferPtr buffer = Frame(info, sample);
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
  const RepackedFrame repacked(frame, visible, is_limited);
  gst_video_frame_unmap(&frame);
  const std::uint8_t* row = repacked.data() + repacked.stride();
  return {repacked.format(), {row, row + repacked.stride()}};
}

constexpr GstVideoRectangle kWhole = {0, 0, kWidth, kHeight};

TEST(RepackedFrameTest, LumaOfEightBitsIsKept) {
  for (const char* format : {"Y444", "Y42B", "NV21"}) {
    const Repacked repacked = Repack(format, true, {4, 2, 13, 8}, [](int c, int x, int y) {
      return c == 0 ? 20 + 7 * x + y : 100 + 20 * c;
    });
    EXPECT_EQ(repacked.format, PixelFormat::kYuy2);
    ASSERT_EQ(repacked.row.size(), 28u);  // Whole pairs.
    for (int x = 0; x < 13; ++x) EXPECT_EQ(repacked.row[2 * x], 20 + 7 * (x + 4) + 3) << format;
    EXPECT_EQ(repacked.row[1], 120);
    EXPECT_EQ(repacked.row[3], 140);
  }
}

TEST(RepackedFrameTest, TwoPixelsShareTheMeanOfTheirChroma) {
  const Repacked repacked =
      Repack("Y444", true, kWhole, [](int c, int x, int) { return c == 0 ? 50 : 60 + 10 * c + x; });
  EXPECT_EQ(repacked.row[1], 71);  // 70 and 71, rounded up.
  EXPECT_EQ(repacked.row[3], 81);
  EXPECT_EQ(repacked.row[4 * 8 + 1], 86);  // The last pixel has no neighbor.
}

TEST(RepackedFrameTest, TenBitsAreRoundedByTheirRange) {
  for (const char* format : {"P010_10LE", "Y210", "v210"}) {
    const auto sample = [](int c, int x, int) {
      return c == 0 ? (x == 0 ? 1023 : 4 * x + 2) : 512;
    };
    const Repacked limited = Repack(format, true, kWhole, sample);
    const Repacked full = Repack(format, false, kWhole, sample);
    EXPECT_EQ(limited.row[0], 255) << format;
    EXPECT_EQ(full.row[0], 255) << format;
    for (int x = 1; x < kWidth; ++x) {
      EXPECT_EQ(limited.row[2 * x], x + 1) << format;  // x + 1/2.
      EXPECT_NEAR(full.row[2 * x], (4 * x + 2) * 255.0 / 1023.0, 0.51) << format;
    }
    EXPECT_EQ(limited.row[1], 128) << format;
    EXPECT_EQ(full.row[3], 128) << format;
  }
}

TEST(RepackedFrameTest, GrayOfTenBitsKeepsAllOfThem) {
  const auto sample = [](int c, int x, int) { return c == 0 ? 63 * x : 512; };
  for (const bool is_limited : {false, true}) {
    const Repacked repacked = Repack("GRAY10_LE32", is_limited, kWhole, sample);
    EXPECT_EQ(repacked.format, PixelFormat::kGray16Le);
    for (int x = 0; x < kWidth; ++x) {
      const int level = repacked.row[2 * x] | repacked.row[2 * x + 1] << 8;
      EXPECT_EQ(level, is_limited ? 63 * x << 6 : (63 * x << 6 | 63 * x >> 4)) << x;
    }
  }
}

}  // namespace
}  // namespace hepar
