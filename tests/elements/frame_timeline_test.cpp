// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_timeline.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(FrameTimelineTest, RoundingErrorsDoNotAddUp) {
  FrameTimeline timeline;
  timeline.SetRate(30000, 1001);
  for (guint64 i = 0; i < 1000; ++i) {
    const GstClockTime begin = gst_util_uint64_scale(i, 1001 * GST_SECOND, 30000);
    EXPECT_EQ(timeline.now(), begin);
    EXPECT_EQ(timeline.now() + *timeline.next_duration(),
              gst_util_uint64_scale(i + 1, 1001 * GST_SECOND, 30000));
    EXPECT_EQ(timeline.frame(), i);
    timeline.Advance();
  }
}

TEST(FrameTimelineTest, AnotherRateGoesOnInTime) {
  FrameTimeline timeline;
  timeline.SetRate(25, 1);
  for (int i = 0; i < 5; ++i) timeline.Advance();
  timeline.SetRate(50, 1);
  EXPECT_EQ(timeline.now(), 200 * GST_MSECOND);
  EXPECT_EQ(timeline.frame(), 5u);
  EXPECT_EQ(timeline.frame_duration(), 20 * GST_MSECOND);
  timeline.Advance();
  EXPECT_EQ(timeline.now(), 220 * GST_MSECOND);
}

TEST(FrameTimelineTest, SeeksToTheFrameThatIsShownThen) {
  FrameTimeline timeline;
  timeline.SetRate(25, 1);
  EXPECT_EQ(timeline.Seek(2 * GST_SECOND + 30 * GST_MSECOND), 2 * GST_SECOND);
  EXPECT_EQ(timeline.frame(), 50u);
  timeline.Advance();
  EXPECT_EQ(timeline.now(), 2 * GST_SECOND + 40 * GST_MSECOND);
}

TEST(FrameTimelineTest, AStillIsOneFrameWithoutADuration) {
  FrameTimeline timeline;
  timeline.SetRate(0, 1);
  EXPECT_FALSE(timeline.ended());
  EXPECT_FALSE(timeline.next_duration().has_value());
  EXPECT_FALSE(timeline.frame_duration().has_value());
  EXPECT_EQ(timeline.Seek(GST_SECOND), GST_SECOND);
  timeline.Advance();
  EXPECT_TRUE(timeline.ended());
  timeline.Seek(0);
  EXPECT_FALSE(timeline.ended());
}

}  // namespace
}  // namespace hepar
