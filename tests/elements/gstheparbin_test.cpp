// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

constexpr char kCaps[] = "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1";

std::string Bin(const std::string& properties) {
  return "heparbin name=b device=cpu mode=sync model=" + TinyModel() + " " + properties;
}

TEST(GstHeparBinTest, GradesAndDraws) {
  Pipe pipe(Bin(""), kCaps);
  BufferPtr in = ScanBuffer(kCaps);
  const std::vector<guint8> before = Bytes(in.get());
  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_TRUE(SeverityOf(out.get()).fresh);
  EXPECT_NE(Bytes(out.get()), before);
}

TEST(GstHeparBinTest, WithoutOverlayThePictureIsUntouched) {
  Pipe pipe(Bin("show-overlay=false"), kCaps);
  BufferPtr in = ScanBuffer(kCaps);
  const std::vector<guint8> before = Bytes(in.get());
  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_TRUE(SeverityOf(out.get()).fresh);
  EXPECT_EQ(Bytes(out.get()), before);
}

TEST(GstHeparBinTest, TheOverlayCanComeAndGoBetweenRuns) {
  g_autoptr(GstElement) pipeline = gst_parse_launch(
      ("videotestsrc num-buffers=2 ! video/x-raw,format=BGRx,width=160,height=120 ! " + Bin("") +
       " ! fakesink")
          .c_str(),
      nullptr);
  gst_object_ref_sink(pipeline);
  g_autoptr(GstElement) bin = gst_bin_get_by_name(GST_BIN(pipeline), "b");
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  for (const bool show : {true, false, true}) {
    g_object_set(bin, "show-overlay", show, nullptr);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    const MessagePtr end(gst_bus_timed_pop_filtered(
        bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(GST_MESSAGE_TYPE(end.get()), GST_MESSAGE_EOS);
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
}

TEST(GstHeparBinTest, ItsPropertiesAreThoseOfTheElementsInside) {
  Pipe pipe(Bin("interval=3 smoothing=2.5 sector=full on-error=error"), kCaps);
  guint interval = 0;
  gdouble smoothing = 0.0;
  g_object_get(pipe["classify"], "interval", &interval, "smoothing", &smoothing, nullptr);
  EXPECT_EQ(interval, 3u);
  EXPECT_EQ(smoothing, 2.5);
  g_autofree gchar* sector = nullptr;
  g_object_get(pipe["colorspace"], "sector", &sector, nullptr);
  EXPECT_STREQ(sector, "full");

  gint warn = 0;
  g_object_get(pipe["b"], "on-error", &warn, nullptr);
  for (const char* child : {"colorspace", "decouple", "classify"}) {
    gint policy = -1;
    g_object_get(pipe[child], "on-error", &policy, nullptr);
    EXPECT_EQ(policy, 1) << child;
  }
  EXPECT_EQ(warn, 1);

  g_object_set(pipe["b"], "show-panel", FALSE, nullptr);
  gboolean panel = TRUE;
  g_object_get(pipe["overlay"], "show-panel", &panel, nullptr);
  EXPECT_FALSE(panel);
}

TEST(GstHeparBinTest, OffersWhatTheManualNames) {
  g_autoptr(GstElement) bin = gst_element_factory_make("heparbin", nullptr);
  gst_object_ref_sink(bin);
  for (const char* name : {"model",         "device",     "precision",          "sector",
                           "mode",          "interval",   "smoothing",          "min-confidence",
                           "on-error",      "stats",      "post-stats",         "stream-id",
                           "actual-device", "view",       "position",           "theme",
                           "show-panel",    "show-trend", "show-probabilities", "show-latency"}) {
    EXPECT_NE(g_object_class_find_property(G_OBJECT_GET_CLASS(bin), name), nullptr) << name;
  }
}

TEST(GstHeparBinTest, ReportsStatisticsAndDevice) {
  Pipe pipe(Bin(""), kCaps);
  pipe.Process(ScanBuffer(kCaps));
  EXPECT_EQ(StatOf(pipe["b"], "graded"), 1u);
  g_autofree gchar* device = nullptr;
  g_object_get(pipe["b"], "actual-device", &device, nullptr);
  EXPECT_STREQ(device, "cpu");
}

TEST(GstHeparBinTest, AnotherModelTakesOverWithOneMessage) {
  Pipe pipe(Bin(""), kCaps);
  pipe.Process(ScanBuffer(kCaps));
  g_object_set(pipe["b"], "model", TinyModel(2).c_str(), nullptr);
  MessagePtr message;
  for (int i = 1; i < 2000 && message == nullptr; ++i) {
    pipe.Process(ScanBuffer(kCaps, i));
    message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-model-changed", 5);
  }
  ASSERT_NE(message, nullptr);
  const BufferPtr out = pipe.Process(ScanBuffer(kCaps, 2000));
  EXPECT_EQ(SeverityOf(out.get()).model_id,
            gst_structure_get_string(gst_message_get_structure(message.get()), "new-id"));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 0);
}

// The texts of two fields of a message.
std::pair<std::string, std::string> OriginOf(const MessagePtr& message) {
  const auto text = [&message](const char* field) {
    const gchar* value = gst_structure_get_string(gst_message_get_structure(message.get()), field);
    return std::string(value ? value : "");
  };
  return {text("bin"), text("stream-id")};
}

TEST(GstHeparBinTest, ElementMessagesSayWhichBinAndStreamTheyAreAbout) {
  for (const bool named : {false, true}) {
    Pipe pipe(Bin(named ? "post-stats=true stream-id=room-2" : "post-stats=true"), kCaps);
    const auto expected = std::make_pair(std::string("b"), std::string(named ? "room-2" : ""));
    for (const char* name : {"hepar-severity", "hepar-stats"}) {
      MessagePtr message;  // The statistics are posted once a second.
      for (int i = 0; i < 2000 && message == nullptr; ++i) {
        pipe.Process(ScanBuffer(kCaps, i));
        message = pipe.PopMessage(GST_MESSAGE_ELEMENT, name, 5);
      }
      ASSERT_NE(message, nullptr) << name;
      EXPECT_EQ(OriginOf(message), expected) << name;
    }
    g_object_set(pipe["b"], "model", TinyModel(2).c_str(), nullptr);
    MessagePtr changed;
    for (int i = 1; i < 2000 && changed == nullptr; ++i) {
      pipe.Process(ScanBuffer(kCaps, i));
      changed = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-model-changed", 5);
    }
    ASSERT_NE(changed, nullptr);
    EXPECT_EQ(OriginOf(changed), expected);
  }
}

TEST(GstHeparBinTest, CodeOfAModelRunsOnlyWhereItIsAllowed) {
  const std::string path = WriteCodeModel(::testing::TempDir(), "bin.hepar");
  g_autoptr(GstElement) bin =
      gst_element_factory_make_full("heparbin", "model", path.c_str(), "device", "cpu", nullptr);
  gst_object_ref_sink(bin);
  EXPECT_EQ(gst_element_set_state(bin, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(bin, GST_STATE_NULL);
  g_object_set(bin, "allow-code", TRUE, nullptr);
  EXPECT_NE(gst_element_set_state(bin, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(bin, GST_STATE_NULL);
}

TEST(GstHeparBinTest, AMissingModelIsAnErrorOfTheBin) {
  g_autoptr(GstElement) bin =
      gst_element_factory_make_full("heparbin", "model", "/no/such/model.hepar", nullptr);
  gst_object_ref_sink(bin);
  g_autoptr(GstBus) bus = gst_bus_new();
  gst_element_set_bus(bin, bus);
  EXPECT_EQ(gst_element_set_state(bin, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ParseError(message.get()).domain, GST_RESOURCE_ERROR);
  gst_element_set_state(bin, GST_STATE_NULL);
  gst_element_set_bus(bin, nullptr);
}

}  // namespace
}  // namespace hepar::testing
