// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/video_pool.h"

#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

TEST(VideoPoolTest, MakesAPoolWhereDownstreamOffersNone) {
  g_autoptr(GstCaps) caps = gst_caps_from_string(testing::CapsOf().c_str());
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, TRUE);
  ASSERT_TRUE(DecideVideoPool(query));
  ASSERT_EQ(gst_query_get_n_allocation_pools(query), 1u);
  g_autoptr(GstBufferPool) pool = nullptr;
  guint size = 0;
  gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, nullptr, nullptr);
  const GstVideoInfo info = testing::InfoOf(testing::CapsOf());
  EXPECT_TRUE(GST_IS_VIDEO_BUFFER_POOL(pool));
  EXPECT_EQ(size, GST_VIDEO_INFO_SIZE(&info));
}

TEST(VideoPoolTest, TakesThePoolThatDownstreamOffers) {
  g_autoptr(GstCaps) caps = gst_caps_from_string(testing::CapsOf().c_str());
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, TRUE);
  g_autoptr(GstBufferPool) offered = gst_video_buffer_pool_new();
  gst_query_add_allocation_pool(query, offered, 100000, 3, 5);
  ASSERT_TRUE(DecideVideoPool(query));
  ASSERT_EQ(gst_query_get_n_allocation_pools(query), 1u);
  g_autoptr(GstBufferPool) pool = nullptr;
  guint size = 0;
  guint min = 0;
  guint max = 0;
  gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
  EXPECT_EQ(pool, offered);
  EXPECT_EQ(size, 100000u);
  EXPECT_EQ(min, 3u);
  EXPECT_EQ(max, 5u);
}

TEST(VideoPoolTest, CapsThatAreNoVideoGetNone) {
  g_autoptr(GstCaps) caps = gst_caps_from_string("audio/x-raw");
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, TRUE);
  EXPECT_FALSE(DecideVideoPool(query));
}

}  // namespace
}  // namespace hepar
