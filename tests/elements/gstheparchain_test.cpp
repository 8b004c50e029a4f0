// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The elements of the plugin behind each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

TEST(HeparChainTest, GivesTheSameProbabilitiesAsOneElement) {
  Pipe one("heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel());
  Pipe chain("heparcolorspace device=cpu model=" + TinyModel() +
             " ! hepardecouple eager=true ! heparclassify mode=sync smoothing=0");
  for (int i = 0; i < 3; ++i) {
    const auto a = SeverityOf(one.Process(ScanBuffer(CapsOf(), i)).get());
    const auto b = SeverityOf(chain.Process(ScanBuffer(CapsOf(), i)).get());
    EXPECT_EQ(a.raw_probabilities, b.raw_probabilities);
    EXPECT_EQ(a.model_id, b.model_id);
  }
}

TEST(HeparChainTest, ElementsWithTheSameModelPrepareAFrameOnce) {
  Pipe pipe("heparcolorspace device=cpu sector=0,0,40,40 model=" + TinyModel() +
            " ! heparclassify device=cpu mode=sync model=" + TinyModel());
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  // Only heparcolorspace has this sector.
  EXPECT_EQ(gst_buffer_get_hepar_frame(out.get())->bounds(), cv::Rect(0, 0, 40, 40));
}

TEST(HeparChainTest, AnElementWithAnotherModelPreparesForItself) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(1) +
            " ! heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel(2));
  Pipe alone("heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel(2));
  EXPECT_EQ(SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get()).raw_probabilities,
            SeverityOf(alone.Process(ScanBuffer(CapsOf())).get()).raw_probabilities);
}

TEST(HeparChainTest, TheWholeChainKnowsTheDeviceBeforeTheFirstFrame) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel() +
            " ! hepardecouple ! queue ! heparclassify name=c");
  g_autofree gchar* device = nullptr;
  g_object_get(pipe["c"], "actual-device", &device, nullptr);
  EXPECT_STREQ(device, "cpu");
}

TEST(HeparChainTest, AFrameThatFailedUpstreamPassesUngraded) {
  Pipe pipe("heparcolorspace device=cpu name=p model=" + TinyModel() +
            " ! heparclassify name=c mode=sync");
  pipe.Process(ScanBuffer(CapsOf(), 0));
  g_object_set(pipe["p"], "sector", "5000,5000,10,10", nullptr);
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), 1));
  EXPECT_FALSE(SeverityOf(out.get()).fresh);
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 1);
  EXPECT_EQ(StatOf(pipe["c"], "skipped"), 1u);
}

TEST(HeparChainTest, AnotherModelUpstreamIsAnnouncedOnceAndAdopted) {
  Pipe pipe("heparcolorspace name=p device=cpu model=" + TinyModel(1) +
            " ! hepardecouple ! heparclassify mode=sync");
  const std::string old_id = SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get()).model_id;
  g_object_set(pipe["p"], "model", TinyModel(2).c_str(), nullptr);

  std::string id = old_id;
  for (int i = 1; i < 2000 && id == old_id; ++i) {
    const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get());
    id = severity.model_id;
    // The averages begin again with the new model.
    if (id != old_id) {
      EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
    }
    g_usleep(2000);
  }
  EXPECT_NE(id, old_id);
  pipe.Process(ScanBuffer(CapsOf(), 2000));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 1);
}

TEST(HeparChainTest, APanelThatWasDrawnUpstreamIsWarnedOfOncePerStream) {
  for (const char* grading : {"heparcolorspace", "hepardecouple", "heparclassify mode=sync"}) {
    SCOPED_TRACE(grading);
    Pipe pipe("heparoverlay ! videoconvert ! " + std::string(grading) +
                  " device=cpu model=" + TinyModel(),
              CapsOf("GRAY8", 160, 120));
    const auto warnings = [&pipe] {
      int count = 0;
      while (const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING)) {
        EXPECT_THAT(ParseError(message.get()).text, HasSubstr("put heparoverlay downstream"));
        ++count;
      }
      return count;
    };
    for (int i = 0; i < 3; ++i) pipe.Process(ScanBuffer(CapsOf("GRAY8", 160, 120), i));
    EXPECT_EQ(warnings(), 1);
    gst_harness_push_event(pipe.harness(), gst_event_new_stream_start("another"));
    pipe.CountMessages(GST_MESSAGE_WARNING);  // From the overlay, which has nothing to draw.
    pipe.Process(ScanBuffer(CapsOf("GRAY8", 160, 120), 3));
    EXPECT_EQ(warnings(), 1);
  }
}

TEST(HeparChainTest, AnOverlayBehindThePreparationDoesNotDisturbIt) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel() +
            " ! heparoverlay ! heparclassify mode=sync");
  pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0);
}

TEST(HeparMetaTest, SeveritySurvivesConversionAndScaling) {
  Pipe pipe(
      "heparclassify device=cpu mode=sync model=" + TinyModel() +
      " ! videoconvert ! videoscale ! capsfilter caps=video/x-raw,format=RGB,width=200,height=150");
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(gst_buffer_get_size(out.get()), 200u * 150 * 3);
  EXPECT_TRUE(SeverityOf(out.get()).fresh);
  EXPECT_NE(gst_buffer_get_hepar_frame(out.get()), nullptr);
}

}  // namespace
}  // namespace hepar::testing
