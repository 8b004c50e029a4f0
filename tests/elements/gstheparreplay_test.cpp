// SPDX-License-Identifier: LGPL-2.1-or-later
//
// heparreplay in a pipeline: what was recorded comes back on the same frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kFrames = 12;

std::string Replay(const std::string& path, const std::string& more = "") {
  return "heparreplay name=r location=\"" + path + "\" " + more;
}

// Records a session of kFrames frames, of which every third is graded, and returns what its frames
// carried.
std::vector<GstHeparSeverity> Record(const std::string& path, const std::string& more) {
  std::vector<GstHeparSeverity> severities;
  Pipe session("heparclassify device=cpu mode=sync interval=3 model=" + TinyModel() +
               " ! heparpublish location=\"file:" + path + "\" " + more);
  for (int i = 0; i < kFrames; ++i) {
    severities.push_back(SeverityOf(session.Process(ScanBuffer(CapsOf(), i)).get()));
  }
  return severities;
}

TEST(HeparReplayTest, PutsTheResultsOfASessionBackOnItsFrames) {
  const std::string path = WriteFile("session.jsonl", "");
  const auto recorded = Record(path, "publish=frame");
  Pipe replay(Replay(path));
  for (int i = 0; i < kFrames; ++i) {
    SCOPED_TRACE(i);
    BufferPtr frame = ScanBuffer(CapsOf(), i);
    const auto pixels = Bytes(frame.get());
    const BufferPtr out = replay.Process(std::move(frame));
    const auto severity = SeverityOf(out.get());
    const auto& expected = recorded[static_cast<size_t>(i)];
    EXPECT_EQ(severity.label, expected.label);
    EXPECT_EQ(severity.grade, expected.grade);
    EXPECT_EQ(severity.state, expected.state);
    EXPECT_EQ(severity.probabilities, expected.probabilities);
    EXPECT_EQ(severity.raw_probabilities, expected.raw_probabilities);
    EXPECT_EQ(severity.class_names, expected.class_names);
    EXPECT_EQ(severity.confidence, expected.confidence);
    EXPECT_EQ(severity.trust, expected.trust);
    EXPECT_EQ(severity.model_id, expected.model_id);
    EXPECT_EQ(severity.fresh, expected.fresh);
    EXPECT_EQ(severity.age, expected.age);
    EXPECT_EQ(Bytes(out.get()), pixels);
  }
  EXPECT_EQ(replay.CountMessages(GST_MESSAGE_WARNING), 0);
}

TEST(HeparReplayTest, CarriesAResultOverUntilItIsTooOld) {
  const std::string path = WriteFile("session.jsonl", "");
  Record(path, "publish=result");
  Pipe replay(Replay(path, "max-age=" + std::to_string(kFrameTime)));
  for (int i = 0; i < 6; ++i) {
    const BufferPtr out = replay.Process(ScanBuffer(CapsOf(), i));
    ASSERT_EQ(HasSeverity(out.get()), i % 3 < 2) << i;
    if (i % 3 == 2) continue;
    EXPECT_EQ(SeverityOf(out.get()).fresh, i % 3 == 0);
    EXPECT_EQ(SeverityOf(out.get()).age, static_cast<GstClockTime>(i % 3) * kFrameTime);
  }
  g_object_set(replay["r"], "max-age", guint64{0}, nullptr);
  EXPECT_TRUE(HasSeverity(replay.Process(ScanBuffer(CapsOf(), 10000)).get()));
}

TEST(HeparReplayTest, ARecordingThatBeginsLaterIsMovedByTheOffset) {
  const std::string path = WriteFile("session.jsonl", "");
  const auto recorded = Record(path, "publish=frame");
  Pipe replay(Replay(path, "offset=" + std::to_string(6 * kFrameTime)));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(SeverityOf(replay.Process(ScanBuffer(CapsOf(), i)).get()).raw_probabilities,
              recorded[static_cast<size_t>(i + 6)].raw_probabilities);
  }
}

TEST(HeparReplayTest, SaysWhenNoResultFitsTheRecording) {
  const std::string path = WriteFile("session.jsonl", "");
  Record(path, "publish=frame");
  Pipe replay(Replay(path));
  EXPECT_FALSE(HasSeverity(replay.Process(ScanBuffer(CapsOf(), 100000)).get()));
  replay.PushEos();
  const MessagePtr warning = replay.PopMessage(GST_MESSAGE_WARNING);
  ASSERT_NE(warning, nullptr);
  EXPECT_THAT(ParseError(warning.get()).text, HasSubstr("none of 1 frames had a result"));
}

TEST(HeparReplayTest, StartsOnlyWithAFileOfResults) {
  for (const std::string& launch : {std::string("heparreplay"), Replay("/nowhere/results.jsonl"),
                                    Replay(WriteFile("text.jsonl", "no results\nat all\n"))}) {
    g_autoptr(GError) error = nullptr;
    GstElement* bin = gst_parse_bin_from_description(launch.c_str(), TRUE, &error);
    ASSERT_NE(bin, nullptr);
    gst_object_ref_sink(bin);
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(bin, bus);
    EXPECT_EQ(gst_element_set_state(bin, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE) << launch;
    const MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
    EXPECT_NE(message, nullptr) << launch;
    gst_element_set_state(bin, GST_STATE_NULL);
    gst_element_set_bus(bin, nullptr);
    gst_object_unref(bus);
    gst_object_unref(bin);
  }
}

TEST(HeparReplayTest, TellsOfARecordingThatWasCutOff) {
  const std::string path = WriteFile("session.jsonl", "");
  Record(path, "publish=frame");
  std::ofstream(path, std::ios::app) << "{\"schema\": \"gst-hep";
  Pipe replay(Replay(path));
  EXPECT_EQ(replay.CountMessages(GST_MESSAGE_WARNING), 1);
  EXPECT_TRUE(HasSeverity(replay.Process(ScanBuffer(CapsOf(), 0)).get()));
}

}  // namespace
}  // namespace hepar::testing
