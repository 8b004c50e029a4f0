// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/video_view.h"

#include <gtest/gtest.h>

#include <string>

#include "models/error.h"
#include "tests/elements/counting_memory.h"
#include "tests/elements/element_test.h"

namespace hepar {
namespace {

using testing::BufferPtr;
using testing::CapsOf;
using testing::InfoOf;
using testing::ScanBuffer;

TEST(VideoViewTest, SizeFormatAndColorimetryMakeAnotherPicture) {
  const GstVideoInfo info = InfoOf(CapsOf("I420", 64, 48));
  EXPECT_TRUE(SamePicture(info, InfoOf(CapsOf("I420", 64, 48))));
  EXPECT_FALSE(SamePicture(info, InfoOf(CapsOf("NV12", 64, 48))));
  EXPECT_FALSE(SamePicture(info, InfoOf(CapsOf("I420", 66, 48))));
  EXPECT_FALSE(SamePicture(info, InfoOf(CapsOf("I420", 64, 50))));
  EXPECT_FALSE(SamePicture(info, InfoOf(CapsOf("I420", 64, 48) + ",colorimetry=1:4:16:4")));
}

TEST(VideoViewTest, TheFrameRateDoesNotMakeAnotherPicture) {
  const std::string size = "video/x-raw,format=GRAY8,width=64,height=48,";
  EXPECT_TRUE(SamePicture(InfoOf(size + "framerate=25/1"), InfoOf(size + "framerate=30/1")));
}

TEST(VideoViewTest, ABufferThatIsTooShortSaysWhatWasExpected) {
  const BufferPtr buffer = ScanBuffer(CapsOf("GRAY8", 64, 48));
  gst_buffer_set_size(buffer.get(), 100);
  try {
    const VideoMapping mapping(buffer.get(), InfoOf(CapsOf("GRAY8", 64, 48)), GST_MAP_READWRITE);
    FAIL() << "it was mapped";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    for (const char* part : {"100 bytes", "GRAY8", "64x48", "3072 bytes"}) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(VideoViewTest, DescribesTheFrame) {
  const std::string caps = CapsOf("I420", 64, 48) + ",colorimetry=bt709";
  const BufferPtr buffer = ScanBuffer(caps);
  const MappedFrame mapped(buffer.get(), InfoOf(caps));
  const FrameView& view = mapped.view();
  EXPECT_EQ(view.format, PixelFormat::kI420);
  EXPECT_EQ(view.width, 64);
  EXPECT_EQ(view.height, 48);
  EXPECT_EQ(view.strides[0], 64);
  EXPECT_EQ(view.planes[1] - view.planes[0], 64 * 48);
  EXPECT_NEAR(view.kr, 0.2126, 1e-6);
  EXPECT_TRUE(view.limited_range);
}

TEST(VideoViewTest, ACropGrowsToWholeChromaSamples) {
  const std::string caps = CapsOf("I420", 64, 48);
  const BufferPtr buffer = ScanBuffer(caps);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer.get());
  crop->x = 11;
  crop->y = 7;
  crop->width = 20;
  crop->height = 10;
  const MappedFrame mapped(buffer.get(), InfoOf(caps));
  EXPECT_EQ(mapped.view().width, 21);
  EXPECT_EQ(mapped.view().height, 11);
  // It begins at column 10 of row 6, and at column 5 of row 3 of the chroma planes.
  const auto& planes = mapped.view().planes;
  EXPECT_EQ(planes[1] - planes[0], 64 * 48 + (3 * 32 + 5) - (6 * 64 + 10));
  EXPECT_EQ(planes[2] - planes[1], 32 * 24);
  crop->width = 60;
  EXPECT_THROW(MappedFrame(buffer.get(), InfoOf(caps)), Error);
}

TEST(VideoViewTest, ALazyFrameIsMappedOnceAndOnlyWhenLookedAt) {
  const BufferPtr buffer = testing::CountingBuffer(64 * 48);
  const GstVideoInfo info = InfoOf(CapsOf("GRAY8", 64, 48));
  {
    LazyFrame frame(buffer.get(), info);
    EXPECT_EQ(testing::MapsOf(buffer.get()), 0);
    EXPECT_NE(frame.view().planes[0], nullptr);
    EXPECT_EQ(&frame.view(), &frame.view());
    EXPECT_EQ(testing::MapsOf(buffer.get()), 1);
    frame.Unmap();
  }
  EXPECT_EQ(testing::MapsOf(buffer.get()), 1);
}

}  // namespace
}  // namespace hepar
