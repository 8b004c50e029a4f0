// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_clock.h"

#include <gtest/gtest.h>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

using testing::BufferPtr;

GstSegment Segment(GstFormat format, GstClockTime start = 0, GstClockTime time = 0) {
  GstSegment segment;
  gst_segment_init(&segment, format);
  segment.start = start;
  segment.time = time;
  return segment;
}

BufferPtr Buffer(GstClockTime pts, GstClockTime duration = GST_CLOCK_TIME_NONE) {
  BufferPtr buffer(gst_buffer_new());
  GST_BUFFER_PTS(buffer.get()) = pts;
  GST_BUFFER_DURATION(buffer.get()) = duration;
  return buffer;
}

const GstVideoInfo& Info25() {
  static const GstVideoInfo info = testing::InfoOf(testing::CapsOf());
  return info;
}

TEST(FrameClockTest, TimesComeFromTheSegment) {
  FrameClock clock;
  const FrameTime time = clock.Next(Segment(GST_FORMAT_TIME, 5 * GST_SECOND, 60 * GST_SECOND),
                                    Info25(), Buffer(7 * GST_SECOND, GST_MSECOND).get());
  EXPECT_EQ(time.stream, 62 * GST_SECOND);
  EXPECT_EQ(time.running, 2 * GST_SECOND);
  EXPECT_EQ(time.duration, GST_MSECOND);
}

TEST(FrameClockTest, AFrameWithoutATimeFollowsTheOneBefore) {
  FrameClock clock;
  const GstSegment segment = Segment(GST_FORMAT_TIME);
  clock.Next(segment, Info25(), Buffer(GST_SECOND).get());
  const FrameTime time = clock.Next(segment, Info25(), Buffer(GST_CLOCK_TIME_NONE).get());
  EXPECT_EQ(time.stream, GST_SECOND + 40 * GST_MSECOND);
  EXPECT_EQ(time.running, GST_SECOND + 40 * GST_MSECOND);
  EXPECT_EQ(time.duration, 40 * GST_MSECOND);
  clock.Reset();
  EXPECT_EQ(clock.Next(segment, Info25(), Buffer(GST_CLOCK_TIME_NONE).get()).stream, 0u);
}

TEST(FrameClockTest, InASegmentOfBytesTimesFollowFromTheDurations) {
  FrameClock clock;
  const GstSegment segment = Segment(GST_FORMAT_BYTES);
  for (guint64 i = 0; i < 3; ++i) {
    const FrameTime time = clock.Next(segment, Info25(), Buffer(GST_SECOND).get());
    EXPECT_EQ(time.stream, i * 40 * GST_MSECOND);
    EXPECT_EQ(time.running, i * 40 * GST_MSECOND);
  }
}

TEST(FrameClockTest, WithoutAFrameRateAFrameTakes40Milliseconds) {
  GstVideoInfo info = Info25();
  info.fps_n = 0;
  info.fps_d = 1;
  EXPECT_EQ(FrameClock().Next(Segment(GST_FORMAT_TIME), info, Buffer(0).get()).duration,
            40 * GST_MSECOND);
}

}  // namespace
}  // namespace hepar
