// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/blend.h"

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hepar {
namespace {

// A frame of one format, filled with one byte and mapped.
class Frame {
 public:
  Frame(const std::string& format, int width, int height, guint8 fill,
        const std::string& colorimetry = "") {
    const std::string text = "video/x-raw,format=" + format + ",width=" + std::to_string(width) +
                             ",height=" + std::to_string(height) + ",framerate=25/1" +
                             (colorimetry.empty() ? "" : ",colorimetry=(string)" + colorimetry);
    g_autoptr(GstCaps) caps = gst_caps_from_string(text.c_str());
    EXPECT_TRUE(gst_video_info_from_caps(&info_, caps)) << text;
    buffer_ = gst_buffer_new_allocate(nullptr, info_.size, nullptr);
    gst_buffer_memset(buffer_, 0, fill, info_.size);
    EXPECT_TRUE(gst_video_frame_map(&frame_, &info_, buffer_, GST_MAP_READWRITE));
  }
  ~Frame() {
    gst_video_frame_unmap(&frame_);
    gst_buffer_unref(buffer_);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  GstVideoFrame* get() { return &frame_; }
  const GstVideoInfo& info() const { return info_; }

  int Sample(int component, int x, int y) {
    const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame_, component));
    data += y * GST_VIDEO_FRAME_COMP_STRIDE(&frame_, component) +
            x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame_, component);
    return GST_VIDEO_FRAME_COMP_DEPTH(&frame_, component) > 8 ? GST_READ_UINT16_LE(data) : *data;
  }

 private:
  GstVideoInfo info_;
  GstBuffer* buffer_ = nullptr;
  GstVideoFrame frame_;
};

OverlayPatch Patch(int x, int y, int width, int height, std::uint32_t argb) {
  OverlayPatch patch;
  patch.x = x;
  patch.y = y;
  patch.width = width;
  patch.height = height;
  patch.pixels.assign(static_cast<std::size_t>(width) * height, argb);
  return patch;
}

TEST(BlendTest, AnEmptyPatchDrawsNothing) {
  Frame frame("GRAY8", 16, 16, 100);
  const BlendPatch blend = MakeBlend(OverlayPatch(), frame.info(), 0, 0);
  EXPECT_TRUE(blend.empty());
  Blend(blend, frame.get());
  EXPECT_EQ(frame.Sample(0, 0, 0), 100);
}

TEST(BlendTest, DrawsWhereThePatchLiesAndNowhereElse) {
  Frame frame("GRAY8", 32, 24, 100);
  Blend(MakeBlend(Patch(2, 4, 5, 3, 0xffffffff), frame.info(), 6, 8), frame.get());
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 32; ++x) {
      const bool inside = x >= 8 && x < 13 && y >= 12 && y < 15;
      EXPECT_EQ(frame.Sample(0, x, y), inside ? 255 : 100) << x << ',' << y;
    }
  }
}

TEST(BlendTest, PremultipliedPixelsAreMixedByTheirOpacity) {
  Frame frame("RGB", 16, 16, 200);
  // 40 % red, premultiplied.
  Blend(MakeBlend(Patch(0, 0, 2, 2, 0x66660000), frame.info(), 0, 0), frame.get());
  EXPECT_EQ(frame.Sample(GST_VIDEO_COMP_R, 0, 0), 200 * 153 / 255 + 102);
  EXPECT_EQ(frame.Sample(GST_VIDEO_COMP_G, 0, 0), 200 * 153 / 255);
  EXPECT_EQ(frame.Sample(GST_VIDEO_COMP_B, 1, 1), 200 * 153 / 255);
}

TEST(BlendTest, SixteenBitSamplesKeepTheirScale) {
  Frame frame("GRAY16_LE", 16, 16, 0x40);
  Blend(MakeBlend(Patch(0, 0, 2, 2, 0xff808080), frame.info(), 0, 0), frame.get());
  EXPECT_NEAR(frame.Sample(0, 0, 0), 128 * 257, 2);
  EXPECT_EQ(frame.Sample(0, 4, 4), 0x4040);
}

TEST(BlendTest, WhiteAndBlackFollowTheRangeOfTheCaps) {
  for (const auto& [colorimetry, black, white] :
       {std::tuple("bt601", 16, 235), std::tuple("bt709", 16, 235),
        std::tuple("1:4:16:4", 0, 255)}) {
    SCOPED_TRACE(colorimetry);
    Frame frame("I420", 16, 16, 100, colorimetry);
    Blend(MakeBlend(Patch(0, 0, 4, 4, 0xffffffff), frame.info(), 0, 0), frame.get());
    Blend(MakeBlend(Patch(4, 0, 4, 4, 0xff000000), frame.info(), 0, 0), frame.get());
    EXPECT_EQ(frame.Sample(0, 0, 0), white);
    EXPECT_EQ(frame.Sample(0, 4, 0), black);
    EXPECT_EQ(frame.Sample(1, 0, 0), 128);
    EXPECT_EQ(frame.Sample(2, 2, 0), 128);
  }
}

// Pure red in video range, computed from the definitions of BT.601 and BT.709.
TEST(BlendTest, RedFollowsTheMatrixOfTheCaps) {
  Frame sd("I420", 16, 16, 100, "bt601"), hd("I420", 16, 16, 100, "bt709");
  for (Frame* frame : {&sd, &hd}) {
    Blend(MakeBlend(Patch(0, 0, 4, 4, 0xffff0000), frame->info(), 0, 0), frame->get());
  }
  EXPECT_EQ(sd.Sample(0, 0, 0), 81);
  EXPECT_EQ(sd.Sample(1, 0, 0), 90);
  EXPECT_EQ(sd.Sample(2, 0, 0), 240);
  EXPECT_EQ(hd.Sample(0, 0, 0), 63);
  EXPECT_EQ(hd.Sample(1, 0, 0), 102);
  EXPECT_EQ(hd.Sample(2, 0, 0), 240);
}

TEST(BlendTest, ChromaIsTheMeanOfThePixelsThatShareIt) {
  for (const char* format : {"I420", "NV12", "YUY2", "UYVY"}) {
    SCOPED_TRACE(format);
    Frame mixed(format, 16, 16, 100), plain(format, 16, 16, 100);
    OverlayPatch patch = Patch(0, 0, 4, 4, 0xffff0000);
    for (std::size_t i = 0; i < patch.pixels.size(); i += 2) patch.pixels[i] = 0;  // Every other.
    Blend(MakeBlend(patch, mixed.info(), 0, 0), mixed.get());
    Blend(MakeBlend(Patch(0, 0, 4, 4, 0xffff0000), plain.info(), 0, 0), plain.get());
    EXPECT_NEAR(mixed.Sample(2, 0, 0), (plain.Sample(2, 0, 0) + 100) / 2, 1);
    EXPECT_EQ(mixed.Sample(0, 0, 0), 100);
    EXPECT_EQ(mixed.Sample(0, 1, 0), plain.Sample(0, 1, 0));
  }
}

TEST(BlendTest, WhatIsDrawnIsOpaque) {
  Frame frame("RGBA", 16, 16, 100);
  Blend(MakeBlend(Patch(0, 0, 2, 2, 0xff00ff00), frame.info(), 0, 0), frame.get());
  EXPECT_EQ(frame.Sample(GST_VIDEO_COMP_A, 0, 0), 255);
  EXPECT_EQ(frame.Sample(GST_VIDEO_COMP_A, 4, 4), 100);
}

}  // namespace
}  // namespace hepar
