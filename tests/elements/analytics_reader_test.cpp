// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A program that knows GStreamer's analytics and nothing of this project reads the results of a
// pipeline.
#include <gst/analytics/analytics.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <string>

namespace {

struct Found {
  int frames = 0;
  int classifications = 0;
  std::string leading;
  float sum = 0.0F;
};

GstPadProbeReturn Look(GstPad*, GstPadProbeInfo* info, gpointer data) {
  auto* found = static_cast<Found*>(data);
  ++found->frames;
  GstAnalyticsRelationMeta* meta =
      gst_buffer_get_analytics_relation_meta(GST_PAD_PROBE_INFO_BUFFER(info));
  if (meta == nullptr) return GST_PAD_PROBE_OK;
  gpointer state = nullptr;
  GstAnalyticsMtd mtd;
  while (gst_analytics_relation_meta_iterate(meta, &state, gst_analytics_cls_mtd_get_mtd_type(),
                                             &mtd)) {
    ++found->classifications;
    found->sum = 0.0F;
    float highest = -1.0F;
    for (gsize i = 0; i < gst_analytics_cls_mtd_get_length(&mtd); ++i) {
      const float level = gst_analytics_cls_mtd_get_level(&mtd, i);
      found->sum += level;
      if (level <= highest) continue;
      highest = level;
      found->leading = g_quark_to_string(gst_analytics_cls_mtd_get_quark(&mtd, i));
    }
  }
  return GST_PAD_PROBE_OK;
}

TEST(AnalyticsReaderTest, ReadsTheGradeOfEachFrame) {
  const std::string launch = std::string(
                                 "heparsimsrc severity=severe num-buffers=4 ! "
                                 "heparclassify mode=sync model=") +
                             PRETRAINED_DIR +
                             "/steatosis-sim-live.hepar ! videoconvert ! video/x-raw,format=NV12 ! "
                             "fakesink name=sink";
  g_autoptr(GError) error = nullptr;
  g_autoptr(GstElement) pipeline = gst_parse_launch(launch.c_str(), &error);
  ASSERT_NE(pipeline, nullptr) << error->message;
  g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  g_autoptr(GstPad) pad = gst_element_get_static_pad(sink, "sink");
  Found found;
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, Look, &found, nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(
      bus, 120 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  gst_element_set_state(pipeline, GST_STATE_NULL);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
  EXPECT_EQ(found.frames, 4);
  EXPECT_EQ(found.classifications, 4) << "one for each frame";
  EXPECT_NEAR(found.sum, 1.0, 1e-4);
  EXPECT_EQ(found.leading, "severe");
}

}  // namespace
