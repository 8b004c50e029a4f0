// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/elements/counting_memory.h"
#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

std::string Classify(const std::string& properties) {
  return "heparclassify name=c device=cpu model=" + TinyModel() + " " + properties;
}

// A buffer that is too small for its caps cannot be mapped, so the frame fails.
BufferPtr ShortBuffer(int index = 0) {
  BufferPtr buffer = ScanBuffer(CapsOf(), index);
  gst_buffer_set_size(buffer.get(), 100);
  return buffer;
}

GstClockTime LatencyOf(Pipe* pipe) {
  g_autoptr(GstQuery) query = gst_query_new_latency();
  EXPECT_TRUE(gst_pad_peer_query(pipe->harness()->sinkpad, query));
  gboolean live;
  GstClockTime min;
  gst_query_parse_latency(query, &live, &min, nullptr);
  EXPECT_TRUE(live);
  return min;
}

void Flush(Pipe* pipe) {
  EXPECT_TRUE(gst_harness_push_event(pipe->harness(), gst_event_new_flush_start()));
  EXPECT_TRUE(gst_harness_push_event(pipe->harness(), gst_event_new_flush_stop(TRUE)));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  EXPECT_TRUE(gst_harness_push_event(pipe->harness(), gst_event_new_segment(&segment)));
}

TEST(GstHeparClassifyTest, GradesEachFrameInSyncMode) {
  Pipe pipe(Classify("mode=sync"));
  for (int i = 0; i < 5; ++i) {
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), i));
    const GstHeparSeverity severity = SeverityOf(out.get());
    EXPECT_TRUE(severity.fresh);
    EXPECT_EQ(severity.age, 0u);
    EXPECT_EQ(severity.class_names.size(), 4u);
    EXPECT_NEAR(Sum(severity.probabilities), 1.0, 1e-5);
    EXPECT_NEAR(Sum(severity.raw_probabilities), 1.0, 1e-5);
    ASSERT_GE(severity.grade, 0);
    EXPECT_EQ(severity.label, severity.class_names[severity.grade]);
    EXPECT_NEAR(severity.confidence, severity.probabilities[severity.grade], 1e-6);
    EXPECT_GE(severity.trust, 0.0);
    EXPECT_LE(severity.trust, 1.0);
    EXPECT_EQ(severity.model_name, "tiny");
    EXPECT_EQ(severity.model_id.size(), 64u);
    EXPECT_GT(severity.inference_time, 0u);
  }
  EXPECT_EQ(StatOf(pipe["c"], "frames"), 5u);
  EXPECT_EQ(StatOf(pipe["c"], "graded"), 5u);
  EXPECT_EQ(StatOf(pipe["c"], "skipped"), 0u);

  g_autoptr(GstStructure) stats = nullptr;
  g_object_get(pipe["c"], "stats", &stats, nullptr);
  EXPECT_EQ(std::string(gst_structure_get_string(stats, "backend")).substr(0, 4), "cpu ");
}

TEST(GstHeparClassifyTest, MapsEachFrameOnce) {
  for (const char* mode : {"sync", "newest"}) {
    Pipe pipe(Classify(std::string("smoothing=1 mode=") + mode));
    const GstVideoInfo info = InfoOf(CapsOf());
    const BufferPtr out = pipe.Process(CountingBuffer(GST_VIDEO_INFO_SIZE(&info)));
    EXPECT_EQ(MapsOf(out.get()), 1) << mode;
  }
}

TEST(GstHeparClassifyTest, NoFrameIsLostOrCountedTwiceInNewestMode) {
  constexpr int kFrames = 200;
  Pipe pipe(Classify("mode=newest"));
  int passed = 0;
  for (int i = 0; i < kFrames; ++i) {
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), i));
    ++passed;
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), static_cast<GstClockTime>(i) * kFrameTime);
    const auto frame = gst_buffer_get_hepar_frame(out.get());
    EXPECT_EQ(frame != nullptr, HasSeverity(out.get()));
    if (frame == nullptr) continue;
    // The views downstream belong to the graded frame and need no inference.
    EXPECT_TRUE(frame->classified());
    const GstHeparSeverity severity = SeverityOf(out.get());
    EXPECT_FALSE(severity.fresh);
    EXPECT_GT(severity.age, 0u);
  }
  EXPECT_EQ(passed, kFrames);
  pipe.PushEos();
  EXPECT_EQ(StatOf(pipe["c"], "frames"), static_cast<guint64>(kFrames));
  EXPECT_EQ(StatOf(pipe["c"], "graded") + StatOf(pipe["c"], "skipped"),
            static_cast<guint64>(kFrames));
  EXPECT_GT(StatOf(pipe["c"], "graded"), 0u);
}

TEST(GstHeparClassifyTest, NewestModeCarriesNothingBeforeTheFirstResult) {
  Pipe pipe(Classify("mode=newest"));
  const BufferPtr first = pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_FALSE(HasSeverity(first.get()));
  EXPECT_EQ(gst_buffer_get_hepar_frame(first.get()), nullptr);
}

TEST(GstHeparClassifyTest, AResultOfTheWorkerTellsItsAge) {
  Pipe pipe(Classify("mode=newest"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  BufferPtr out;
  int i = 1;
  for (; i < 1000; ++i) {
    g_usleep(10000);
    out = pipe.Process(ScanBuffer(CapsOf(), i));
    if (HasSeverity(out.get())) break;
  }
  ASSERT_LT(i, 1000);
  EXPECT_EQ(SeverityOf(out.get()).age % kFrameTime, 0u);
  EXPECT_GE(SeverityOf(out.get()).age, kFrameTime);
  EXPECT_LE(SeverityOf(out.get()).age, static_cast<GstClockTime>(i) * kFrameTime);
}

TEST(GstHeparClassifyTest, StreamsThatShareAreGradedAsAlone) {
  Pipe alone(Classify("mode=sync smoothing=0"));
  Pipe first(Classify("mode=sync smoothing=0 batch=2 threads=2"));
  Pipe second(Classify("mode=sync smoothing=0 batch=2 threads=2"));
  for (int i = 0; i < 3; ++i) {
    const GstHeparSeverity expected = SeverityOf(alone.Process(ScanBuffer(CapsOf(), i)).get());
    for (Pipe* pipe : {&first, &second}) {
      const GstHeparSeverity severity = SeverityOf(pipe->Process(ScanBuffer(CapsOf(), i)).get());
      EXPECT_TRUE(severity.fresh);
      EXPECT_EQ(severity.raw_probabilities, expected.raw_probabilities);
    }
  }
  EXPECT_EQ(StatOf(second["c"], "graded"), 3u);
}

TEST(GstHeparClassifyTest, SharingStreamsOfNewestModeLoseNoFrame) {
  constexpr int kFrames = 50;
  Pipe first(Classify("mode=newest batch=2")), second(Classify("mode=newest batch=2"));
  for (int i = 0; i < kFrames; ++i) {
    for (Pipe* pipe : {&first, &second}) pipe->Process(ScanBuffer(CapsOf(), i));
  }
  for (Pipe* pipe : {&first, &second}) {
    pipe->PushEos();
    EXPECT_GT(StatOf((*pipe)["c"], "graded"), 0u);
    EXPECT_EQ(StatOf((*pipe)["c"], "graded") + StatOf((*pipe)["c"], "skipped"),
              static_cast<guint64>(kFrames));
  }
}

TEST(GstHeparClassifyTest, ASharingStreamThatFailsLeavesTheOtherAlone) {
  Pipe good(Classify("mode=sync batch=2")), bad(Classify("mode=sync batch=2"));
  bad.Process(ShortBuffer());
  EXPECT_NE(bad.PopMessage(GST_MESSAGE_WARNING), nullptr);
  EXPECT_TRUE(HasSeverity(good.Process(ScanBuffer(CapsOf())).get()));
  EXPECT_EQ(good.CountMessages(GST_MESSAGE_WARNING), 0);
}

TEST(GstHeparClassifyTest, AutoIsNewestBehindALiveSource) {
  Pipe pipe(Classify(""));
  EXPECT_FALSE(HasSeverity(pipe.Process(ScanBuffer(CapsOf())).get()));
}

// Runs a pipeline to its end. The element c is still paused while `check` runs.
template <typename Check>
void RunToEnd(const std::string& launch, const Check& check) {
  g_autoptr(GError) error = nullptr;
  g_autoptr(GstElement) pipeline = gst_parse_launch(launch.c_str(), &error);
  ASSERT_EQ(error, nullptr) << error->message;
  gst_object_ref_sink(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  const MessagePtr end(gst_bus_timed_pop_filtered(
      bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
  ASSERT_NE(end, nullptr) << "no end within a minute";
  EXPECT_EQ(GST_MESSAGE_TYPE(end.get()), GST_MESSAGE_EOS);
  g_autoptr(GstElement) element = gst_bin_get_by_name(GST_BIN(pipeline), "c");
  check(element);
  gst_element_set_state(pipeline, GST_STATE_NULL);
}

TEST(GstHeparClassifyTest, AutoIsSyncBehindASourceThatIsNotLive) {
  RunToEnd("videotestsrc num-buffers=10 ! video/x-raw,format=I420,width=160,height=120 ! " +
               Classify("") + " ! fakesink",
           [](GstElement* c) {
             EXPECT_EQ(StatOf(c, "graded"), 10u);
             EXPECT_EQ(StatOf(c, "skipped"), 0u);
           });
}

TEST(GstHeparClassifyTest, ALivePipelineShowsEachFrame) {
  RunToEnd(
      "videotestsrc is-live=true num-buffers=20 ! "
      "video/x-raw,format=GRAY8,width=160,height=120,framerate=50/1 ! " +
          Classify("") + " ! fakesink sync=true",
      [](GstElement* c) {
        EXPECT_EQ(StatOf(c, "frames"), 20u);
        EXPECT_EQ(StatOf(c, "graded") + StatOf(c, "skipped"), 20u);
      });
}

TEST(GstHeparClassifyTest, IntervalGradesEachNthFrame) {
  Pipe pipe(Classify("mode=sync interval=3"));
  std::vector<bool> fresh;
  std::vector<GstClockTime> age;
  for (int i = 0; i < 7; ++i) {
    const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get());
    fresh.push_back(severity.fresh);
    age.push_back(severity.age / kFrameTime);
  }
  EXPECT_EQ(fresh, (std::vector<bool>{true, false, false, true, false, false, true}));
  EXPECT_EQ(age, (std::vector<GstClockTime>{0, 1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(StatOf(pipe["c"], "graded"), 3u);
  EXPECT_EQ(StatOf(pipe["c"], "skipped"), 4u);
}

TEST(GstHeparClassifyTest, SmoothingAveragesOverTime) {
  Pipe smooth(Classify("mode=sync smoothing=10"));
  const auto first = SeverityOf(smooth.Process(ScanBuffer(CapsOf(), 0)).get());
  EXPECT_EQ(first.probabilities, first.raw_probabilities);
  const auto second = SeverityOf(smooth.Process(ScanBuffer(CapsOf(), 5)).get());
  ASSERT_NE(second.raw_probabilities, first.raw_probabilities) << "the test frames look alike";
  for (std::size_t i = 0; i < 4; ++i) {
    // 0.2 s of a time constant of 10 s: the average has hardly changed.
    EXPECT_NEAR(
        second.probabilities[i],
        first.probabilities[i] + 0.0198 * (second.raw_probabilities[i] - first.probabilities[i]),
        1e-4);
  }

  Pipe raw(Classify("mode=sync smoothing=0"));
  raw.Process(ScanBuffer(CapsOf(), 0));
  const auto plain = SeverityOf(raw.Process(ScanBuffer(CapsOf(), 5)).get());
  EXPECT_EQ(plain.probabilities, plain.raw_probabilities);
}

TEST(GstHeparClassifyTest, SmoothingForgetsAtAFlush) {
  Pipe pipe(Classify("mode=sync smoothing=10"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  Flush(&pipe);
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 5)).get());
  EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
}

TEST(GstHeparClassifyTest, SmoothingForgetsAtNewCaps) {
  Pipe pipe(Classify("mode=sync smoothing=10"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  gst_harness_set_src_caps_str(pipe.harness(), CapsOf("GRAY8", 128, 96).c_str());
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf("GRAY8", 128, 96), 5)).get());
  EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
}

TEST(GstHeparClassifyTest, SmoothingForgetsAtASceneCut) {
  Pipe pipe(Classify("mode=sync smoothing=10"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  BufferPtr other = ScanBuffer(CapsOf(), 1);
  gst_buffer_memset(other.get(), 0, 8, gst_buffer_get_size(other.get()) / 2);
  const auto severity = SeverityOf(pipe.Process(std::move(other)).get());
  EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
}

TEST(GstHeparClassifyTest, BelowTheConfidenceAskedForNothingIsDecided) {
  Pipe pipe(Classify("mode=sync min-confidence=1.0"));
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get());
  EXPECT_EQ(severity.grade, -1);
  EXPECT_EQ(severity.label, "uncertain");
  EXPECT_NEAR(Sum(severity.probabilities), 1.0, 1e-5);
}

// The tiny model with an out-of-distribution score of 1 for every picture, and this limit.
std::string ModelWithLimit(double limit) {
  return WriteTinyModel(
      ::testing::TempDir(),
      "limit" + std::to_string(limit) + "-" + std::to_string(g_random_int()) + ".hepar", 1,
      [limit](ModelSpec* spec) {
        spec->domain = FlatDomain();
        spec->out_of_domain_above = limit;
      });
}

std::string ClassifyWithLimit(double limit, const std::string& properties) {
  return "heparclassify name=c device=cpu mode=sync model=" + ModelWithLimit(limit) + " " +
         properties;
}

TEST(GstHeparClassifyTest, AViewUnlikeTheModelsPicturesIsNotALiverView) {
  Pipe pipe(ClassifyWithLimit(0.5, ""));
  for (int i = 0; i < 3; ++i) {
    const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get());
    EXPECT_EQ(severity.grade, -1);
    EXPECT_EQ(severity.label, "not a liver view");
    EXPECT_EQ(severity.state, GstHeparState::kNotLiver);
    EXPECT_EQ(severity.trust, 0.0);
    // A score is clipped to twice the limit.
    EXPECT_NEAR(severity.domain_score.value(), 2.0, 1e-3);
    EXPECT_NEAR(Sum(severity.probabilities), 1.0, 1e-5);
  }
  pipe.PushEos();
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-severity");
  ASSERT_NE(message, nullptr);
  const GstStructure* structure = gst_message_get_structure(message.get());
  EXPECT_STREQ(gst_structure_get_string(structure, "label"), "not a liver view");
  EXPECT_STREQ(gst_structure_get_string(structure, "state"), "not-liver");
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-severity"), 0);
}

TEST(GstHeparClassifyTest, TheSummaryCountsViewsWithoutALiverApart) {
  Pipe pipe(ClassifyWithLimit(0.5, ""));
  for (int i = 0; i < 5; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
  pipe.PushEos();
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-summary");
  ASSERT_NE(message, nullptr);
  const GstStructure* structure = gst_message_get_structure(message.get());
  gdouble not_liver = 0.0, uncertain = -1.0;
  EXPECT_TRUE(gst_structure_get_double(structure, "not-liver-seconds", &not_liver));
  EXPECT_TRUE(gst_structure_get_double(structure, "uncertain-seconds", &uncertain));
  EXPECT_NEAR(not_liver, 0.2, 1e-9);
  EXPECT_EQ(uncertain, 0.0);
  // None of the frames was a liver view, so there is no mean.
  EXPECT_FALSE(gst_structure_has_field(structure, "mean-probabilities"));
}

TEST(GstHeparClassifyTest, AViewLikeTheModelsPicturesIsGraded) {
  Pipe pipe(ClassifyWithLimit(4.0, ""));
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get());
  EXPECT_GE(severity.grade, 0);
  EXPECT_EQ(severity.state, GstHeparState::kGraded);
  EXPECT_NEAR(severity.domain_score.value(), 0.25, 1e-3);
}

TEST(GstHeparClassifyTest, WithTheCheckOffEveryViewIsGraded) {
  Pipe pipe(ClassifyWithLimit(0.5, "check-view=false"));
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  EXPECT_GE(severity.grade, 0);
  EXPECT_NEAR(severity.domain_score.value(), 2.0, 1e-3);
  g_object_set(pipe["c"], "check-view", TRUE, nullptr);
  EXPECT_EQ(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 1)).get()).state,
            GstHeparState::kNotLiver);
}

// The same, by which every liver is of another scanner.
std::string ClassifyUnfamiliar(const std::string& properties) {
  const std::string model = WriteTinyModel(
      ::testing::TempDir(), "unfamiliar" + std::to_string(g_random_int()) + ".hepar", 1,
      [](ModelSpec* spec) {
        spec->domain = FlatDomain();
        spec->out_of_domain_above = 4.0;
        spec->familiarity = Familiarity{spec->domain->factor, 0.5, 0.6, 0.2};
        spec->abstain_below = 0.9;  // Fitted to its own scanners, so not asked of others.
      });
  return "heparclassify name=c device=cpu mode=sync model=" + model + " " + properties;
}

TEST(GstHeparClassifyTest, AnUnfamiliarScanIsGradedWithDoubtAndSaysSo) {
  Pipe pipe(ClassifyUnfamiliar(""));
  for (int i = 0; i < 5; ++i) {
    const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get());
    EXPECT_EQ(severity.state, GstHeparState::kUnfamiliar);
    ASSERT_GE(severity.grade, 0);
    EXPECT_EQ(severity.label, severity.class_names[static_cast<std::size_t>(severity.grade)]);
    EXPECT_LE(severity.confidence, 0.2 + 0.8 / 4 + 1e-6);
    EXPECT_NEAR(severity.familiarity_score.value(), 2.0, 1e-3);
    EXPECT_NEAR(severity.domain_score.value(), 0.25, 1e-3);
  }
  pipe.PushEos();
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-severity");
  ASSERT_NE(message, nullptr);
  EXPECT_STREQ(gst_structure_get_string(gst_message_get_structure(message.get()), "state"),
               "unfamiliar");
  const MessagePtr summary = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-summary");
  ASSERT_NE(summary, nullptr);
  gdouble seconds = 0.0;
  EXPECT_TRUE(gst_structure_get_double(gst_message_get_structure(summary.get()),
                                       "unfamiliar-seconds", &seconds));
  EXPECT_NEAR(seconds, 0.2, 1e-9);
}

TEST(GstHeparClassifyTest, AnUnfamiliarScanMayBeLeftUngradedAndThatMayChange) {
  Pipe pipe(ClassifyUnfamiliar("unfamiliar=withhold"));
  const auto withheld = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  EXPECT_EQ(withheld.state, GstHeparState::kUnfamiliar);
  EXPECT_EQ(withheld.grade, -1);
  EXPECT_EQ(withheld.label, "unfamiliar");
  gst_util_set_object_arg(G_OBJECT(pipe["c"]), "unfamiliar", "grade");
  EXPECT_GE(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 1)).get()).grade, 0);
  // Less sure than a user asks: no grade, for the same reason.
  g_object_set(pipe["c"], "min-confidence", 0.9, nullptr);
  const auto doubted = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 2)).get());
  EXPECT_EQ(doubted.grade, -1);
  EXPECT_EQ(doubted.state, GstHeparState::kUnfamiliar);
}

TEST(GstHeparClassifyTest, AModelWithoutTheScoreLeavesItsFieldOut) {
  Pipe pipe(Classify("mode=sync"));
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_FALSE(SeverityOf(out.get()).domain_score.has_value());
  GstCustomMeta* meta = gst_buffer_get_custom_meta(out.get(), GST_HEPAR_SEVERITY_META_NAME);
  EXPECT_FALSE(gst_structure_has_field(gst_custom_meta_get_structure(meta), "domain-score"));
}

TEST(GstHeparClassifyTest, TheModelsOwnConfidenceAndTemperatureCount) {
  const auto model = [](double temperature, double below) {
    return "heparclassify device=cpu mode=sync model=" +
           WriteTinyModel(::testing::TempDir(), "own-" + std::to_string(g_random_int()) + ".hepar",
                          1, [&](ModelSpec* spec) {
                            spec->temperature = temperature;
                            spec->abstain_below = below;
                          });
  };
  Pipe uncertain(model(1.0, 1.0)), sure(model(1.0, 0.0)), soft(model(100.0, 0.0));
  const auto first = SeverityOf(uncertain.Process(ScanBuffer(CapsOf())).get());
  EXPECT_EQ(first.state, GstHeparState::kUncertain);
  EXPECT_EQ(first.label, "uncertain");
  const auto second = SeverityOf(sure.Process(ScanBuffer(CapsOf())).get());
  EXPECT_EQ(second.state, GstHeparState::kGraded);
  const auto third = SeverityOf(soft.Process(ScanBuffer(CapsOf())).get());
  EXPECT_EQ(third.grade, second.grade);
  EXPECT_LT(third.confidence, second.confidence);
  EXPECT_LT(third.trust, second.trust);
}

TEST(GstHeparClassifyTest, TellsTheBusOfEachChangeOfGradeAndOfNothingElse) {
  Pipe pipe(Classify("mode=sync"));
  const auto first = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-severity");
  ASSERT_NE(message, nullptr);
  const GstStructure* structure = gst_message_get_structure(message.get());
  EXPECT_EQ(first.label, gst_structure_get_string(structure, "label"));
  EXPECT_EQ(Count(structure, "stream-time"), 0u);
  EXPECT_EQ(Count(structure, "running-time"), 0u);

  pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-severity"), 0);

  g_object_set(pipe["c"], "min-confidence", 1.0, nullptr);
  pipe.Process(ScanBuffer(CapsOf(), 2));
  const MessagePtr change = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-severity");
  ASSERT_NE(change, nullptr);
  EXPECT_STREQ(gst_structure_get_string(gst_message_get_structure(change.get()), "label"),
               "uncertain");
  EXPECT_EQ(Count(gst_message_get_structure(change.get()), "stream-time"), 2 * kFrameTime);
}

TEST(GstHeparClassifyTest, SumsUpAtTheEndOfTheStream) {
  for (const char* mode : {"sync", "newest"}) {
    SCOPED_TRACE(mode);
    Pipe pipe(Classify(std::string("mode=") + mode));
    for (int i = 0; i < 10; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
    pipe.PushEos();
    const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-summary");
    ASSERT_NE(message, nullptr);
    const GstStructure* structure = gst_message_get_structure(message.get());
    EXPECT_EQ(Count(structure, "frames"), 10u);
    EXPECT_EQ(Count(structure, "graded") + Count(structure, "skipped"), 10u);
    EXPECT_EQ(Count(structure, "errors"), 0u);
    EXPECT_STRNE(gst_structure_get_string(structure, "label"), "uncertain");

    const auto sum = [structure](const char* field) {
      const GValue* array = gst_structure_get_value(structure, field);
      double total = 0.0;
      for (guint i = 0; i < gst_value_array_get_size(array); ++i) {
        total += g_value_get_double(gst_value_array_get_value(array, i));
      }
      return total;
    };
    EXPECT_NEAR(sum("mean-probabilities"), 1.0, 1e-5);
    if (std::string(mode) == "sync") {
      EXPECT_NEAR(sum("seconds"), 0.4, 1e-9);
    }
  }
}

TEST(GstHeparClassifyTest, TheSummaryOfAnEmptyStreamSaysThatNothingWasGraded) {
  Pipe pipe(Classify(""));
  pipe.PushEos();
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-summary");
  ASSERT_NE(message, nullptr);
  const GstStructure* structure = gst_message_get_structure(message.get());
  EXPECT_EQ(Count(structure, "frames"), 0u);
  EXPECT_STREQ(gst_structure_get_string(structure, "label"), "not graded");
  EXPECT_STREQ(gst_structure_get_string(structure, "state"), "not-graded");
  EXPECT_FALSE(gst_structure_has_field(structure, "probabilities"));
  EXPECT_FALSE(gst_structure_has_field(structure, "mean-probabilities"));
}

GstEvent* StreamStart(const char* id, guint group) {
  GstEvent* event = gst_event_new_stream_start(id);
  gst_event_set_group_id(event, group);
  return event;
}

GstEvent* Segment(GstFormat format, GstClockTime start = 0) {
  GstSegment segment;
  gst_segment_init(&segment, format);
  segment.start = segment.time = segment.position = start;
  return gst_event_new_segment(&segment);
}

// The counts of the next summary: all frames, and the graded and skipped frames.
std::pair<guint64, guint64> NextSummary(Pipe* pipe) {
  const MessagePtr message = pipe->PopMessage(GST_MESSAGE_ELEMENT, "hepar-summary");
  EXPECT_NE(message, nullptr);
  if (message == nullptr) return {};
  const GstStructure* structure = gst_message_get_structure(message.get());
  return {Count(structure, "frames"), Count(structure, "graded") + Count(structure, "skipped")};
}

using Counted = std::pair<guint64, guint64>;

TEST(GstHeparClassifyTest, EachOfTwoStreamsHasASummaryOfItsOwn) {
  for (const char* mode : {"sync", "newest"}) {
    SCOPED_TRACE(mode);
    Pipe pipe(Classify(std::string("mode=") + mode), "");
    for (guint file = 1; file <= 2; ++file) {
      gst_harness_push_event(pipe.harness(), StreamStart("the-same-file", file));
      gst_harness_set_src_caps_str(pipe.harness(), CapsOf().c_str());
      gst_harness_push_event(pipe.harness(), Segment(GST_FORMAT_TIME));
      for (int i = 0; i < static_cast<int>(2 + file); ++i) pipe.Process(ScanBuffer(CapsOf(), i));
    }
    pipe.PushEos();
    EXPECT_EQ(NextSummary(&pipe), Counted(3, 3));
    EXPECT_EQ(NextSummary(&pipe), Counted(4, 4));
    EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-summary"), 0);
    EXPECT_EQ(StatOf(pipe["c"], "frames"), 7u) << "the statistics go on";
  }
}

TEST(GstHeparClassifyTest, AStreamThatIsAnnouncedAgainIsNotAnotherOne) {
  Pipe pipe(Classify("mode=sync"));
  gst_harness_push_event(pipe.harness(), StreamStart("a", 1));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  gst_harness_push_event(pipe.harness(), StreamStart("a", 1));
  pipe.Process(ScanBuffer(CapsOf(), 1));
  pipe.PushEos();
  EXPECT_EQ(NextSummary(&pipe), Counted(2, 2));
}

TEST(GstHeparClassifyTest, AnotherStreamBeginsTheAveragesAgain) {
  Pipe pipe(Classify("mode=sync smoothing=10"));
  gst_harness_push_event(pipe.harness(), StreamStart("a", 1));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  gst_harness_push_event(pipe.harness(), StreamStart("b", 2));
  const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 5)).get());
  EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
}

TEST(GstHeparClassifyTest, TheSummaryBeginsAgainAtASeek) {
  for (const char* mode : {"sync", "newest"}) {
    SCOPED_TRACE(mode);
    Pipe pipe(Classify(std::string("mode=") + mode));
    for (int i = 0; i < 5; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
    Flush(&pipe);  // As a seek to the start does.
    for (int i = 0; i < 3; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
    pipe.PushEos();
    EXPECT_EQ(NextSummary(&pipe), Counted(3, 3));
    EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-summary"), 0);
  }
}

TEST(GstHeparClassifyTest, EachRunOfALoopHasASummaryOfItsOwn) {
  Pipe pipe(Classify("mode=sync"));
  for (int run = 0; run < 2; ++run) {
    // A seek without a flush, as in loops.
    gst_harness_push_event(pipe.harness(), Segment(GST_FORMAT_TIME));
    for (int i = 0; i < 3; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
  }
  gst_harness_push_event(pipe.harness(), gst_event_new_segment_done(GST_FORMAT_TIME, 0));
  EXPECT_EQ(NextSummary(&pipe), Counted(3, 3));
  EXPECT_EQ(NextSummary(&pipe), Counted(3, 3));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-summary"), 0);
}

TEST(GstHeparClassifyTest, AnotherFrameRateAloneChangesNothing) {
  Pipe pipe(Classify("mode=sync smoothing=10"));
  const auto first = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-severity"), 1);
  const std::string faster = "video/x-raw,format=GRAY8,width=" + std::to_string(kWidth) +
                             ",height=" + std::to_string(kHeight) + ",framerate=50/1";
  gst_harness_set_src_caps_str(pipe.harness(), faster.c_str());
  const auto second = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 5)).get());
  ASSERT_NE(second.raw_probabilities, first.raw_probabilities) << "the test frames look alike";
  EXPECT_NE(second.probabilities, second.raw_probabilities) << "still an average";
  EXPECT_EQ(second.label, first.label);
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-severity"), 0);
}

TEST(GstHeparClassifyTest, FramesOfASegmentInBytesAreGraded) {
  Pipe pipe(Classify("mode=sync"));
  gst_harness_push_event(pipe.harness(), Segment(GST_FORMAT_BYTES));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get()).fresh);
  }
  pipe.PushEos();
  EXPECT_EQ(NextSummary(&pipe), Counted(3, 3));
}

TEST(GstHeparClassifyTest, AFrameThatFailsPassesWithAWarning) {
  Pipe pipe(Classify("mode=sync"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  for (int i = 1; i < 4; ++i) {
    const BufferPtr out = pipe.Process(ShortBuffer(i));
    EXPECT_EQ(gst_buffer_get_size(out.get()), 100u);
    EXPECT_FALSE(SeverityOf(out.get()).fresh);
  }
  EXPECT_TRUE(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 4)).get()).fresh);
  EXPECT_EQ(StatOf(pipe["c"], "errors"), 3u);
  EXPECT_EQ(StatOf(pipe["c"], "graded"), 2u);

  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ParseError(message.get()).domain, GST_STREAM_ERROR);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("100 bytes"));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0) << "the same warning within a second";
}

TEST(GstHeparClassifyTest, AFrameThatFailsStopsTheStreamWhenAskedTo) {
  Pipe pipe(Classify("mode=newest on-error=error"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_EQ(pipe.Push(ShortBuffer(1)), GST_FLOW_ERROR);
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ERROR);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ParseError(message.get()).domain, GST_STREAM_ERROR);
  EXPECT_EQ(ParseError(message.get()).code, GST_STREAM_ERROR_FAILED);
}

TEST(GstHeparClassifyTest, NoResultOfBeforeAFlushComesAfterIt) {
  for (int run = 0; run < 20; ++run) {
    Pipe pipe(Classify("mode=newest"));
    pipe.Process(ScanBuffer(CapsOf(), 0));
    pipe.Process(ScanBuffer(CapsOf(), 1));
    g_usleep(static_cast<gulong>(run) * 500);
    Flush(&pipe);
    pipe.CountMessages(GST_MESSAGE_ELEMENT);
    g_usleep(20000);  // The frame in flight is graded by now.
    EXPECT_FALSE(HasSeverity(pipe.Process(ScanBuffer(CapsOf(), 50)).get()));
    pipe.PushEos();
    while (const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-severity")) {
      EXPECT_EQ(Count(gst_message_get_structure(message.get()), "stream-time"), 50 * kFrameTime);
    }
    EXPECT_EQ(StatOf(pipe["c"], "graded") + StatOf(pipe["c"], "skipped"), 3u);
  }
}

TEST(GstHeparClassifyTest, LatenessSkipsTheNetworkAndNeverAFrame) {
  Pipe pipe(Classify("mode=sync"));
  EXPECT_TRUE(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get()).fresh);
  // The sink reports that the frame of 0 s was 100 ms late.
  EXPECT_TRUE(gst_harness_push_upstream_event(
      pipe.harness(), gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2.0, 100 * GST_MSECOND, 0)));
  std::vector<bool> fresh;
  for (int i = 1; i < 8; ++i) {
    fresh.push_back(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get()).fresh);
  }
  // 40, 80, 120 and 160 ms are earlier than twice the lateness, 200 ms is not.
  EXPECT_EQ(fresh, (std::vector<bool>{false, false, false, false, true, true, true}));
}

TEST(GstHeparClassifyTest, HoweverLateAFrameIsGradedEachSecond) {
  Pipe pipe(Classify("mode=sync"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_TRUE(gst_harness_push_upstream_event(
      pipe.harness(), gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2.0, 100 * GST_SECOND, 0)));
  int fresh = 0;
  for (int i = 1; i <= 100; ++i) {
    fresh += SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get()).fresh;
  }
  EXPECT_EQ(fresh, 4);
}

TEST(GstHeparClassifyTest, TheLatencyIsWhatTheElementAdds) {
  Pipe sync(Classify("mode=sync"));
  EXPECT_GT(LatencyOf(&sync), 0u);
  Pipe newest(Classify("mode=newest"));
  EXPECT_EQ(LatencyOf(&newest), 0u);
}

TEST(GstHeparClassifyTest, AFrameWithoutTimestampIsGraded) {
  Pipe pipe(Classify("mode=sync"));
  for (int i = 0; i < 3; ++i) {
    BufferPtr in = ScanBuffer(CapsOf(), i);
    GST_BUFFER_PTS(in.get()) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(in.get()) = GST_CLOCK_TIME_NONE;
    const BufferPtr out = pipe.Process(std::move(in));
    EXPECT_TRUE(SeverityOf(out.get()).fresh);
    EXPECT_FALSE(GST_BUFFER_PTS_IS_VALID(out.get()));
  }
}

TEST(GstHeparClassifyTest, PostsStatisticsOncePerSecondWhenAskedTo) {
  const gint64 begin = g_get_monotonic_time();
  Pipe pipe(Classify("mode=sync post-stats=true"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  g_usleep(G_USEC_PER_SEC + 10000);
  for (int i = 1; i < 4; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
  const auto seconds = static_cast<int>((g_get_monotonic_time() - begin) / G_USEC_PER_SEC);

  MessagePtr message;
  int posted = 0;
  while (MessagePtr next = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-stats")) {
    message = std::move(next);
    ++posted;
  }
  EXPECT_LE(posted, seconds);
  ASSERT_NE(message, nullptr);
  const GstStructure* structure = gst_message_get_structure(message.get());
  EXPECT_GE(Count(structure, "frames"), 2u);
  for (const char* field :
       {"inference-mean", "inference-p50", "inference-p99", "inference-max", "fps"}) {
    gdouble value = 0.0;
    EXPECT_TRUE(gst_structure_get_double(structure, field, &value)) << field;
    EXPECT_GT(value, 0.0) << field;
  }
}

TEST(GstHeparClassifyTest, PostsNoStatisticsUnasked) {
  Pipe pipe(Classify("mode=sync"));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  g_usleep(G_USEC_PER_SEC + 10000);
  pipe.Process(ScanBuffer(CapsOf(), 1));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-stats"), 0);
}

TEST(GstHeparClassifyTest, AnotherModelChangesTheResults) {
  Pipe pipe(Classify("mode=sync smoothing=0"));
  const auto before = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  g_object_set(pipe["c"], "model", TinyModel(2).c_str(), nullptr);
  MessagePtr changed;
  for (int i = 1; i < 2000 && changed == nullptr; ++i) {
    EXPECT_TRUE(SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get()).fresh);
    changed = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-model-changed", 5);
  }
  ASSERT_NE(changed, nullptr);
  const auto after = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get());
  EXPECT_EQ(after.model_id,
            gst_structure_get_string(gst_message_get_structure(changed.get()), "new-id"));
  EXPECT_NE(after.raw_probabilities, before.raw_probabilities);
}

// ---- Saliency maps: computed where someone downstream shows them.

std::string ClassifyAndShow(const std::string& properties, const std::string& view) {
  return Classify(properties) + " ! heparoverlay name=o view=" + view;
}

bool IsExplained(GstBuffer* buffer) {
  const auto frame = gst_buffer_get_hepar_frame(buffer);
  return frame != nullptr && frame->explained();
}

TEST(GstHeparClassifyTest, InSyncModeEachFrameIsShownWithItsSaliencyMap) {
  for (const char* format : {"GRAY8", "I420"}) {
    const std::string caps = CapsOf(format, 320, 240);
    Pipe with(ClassifyAndShow("mode=sync", "saliency"), caps);
    Pipe without(ClassifyAndShow("mode=sync", "none"), caps);
    for (int i = 0; i < 3; ++i) {
      const BufferPtr shown = with.Process(ScanBuffer(caps, i));
      const BufferPtr plain = without.Process(ScanBuffer(caps, i));
      EXPECT_TRUE(IsExplained(shown.get()));
      EXPECT_FALSE(IsExplained(plain.get()));
      EXPECT_NE(Bytes(shown.get()), Bytes(plain.get()));
      // Looking at it does not change the grade.
      EXPECT_EQ(SeverityOf(shown.get()).raw_probabilities,
                SeverityOf(plain.get()).raw_probabilities);
    }
    EXPECT_EQ(with.CountMessages(GST_MESSAGE_WARNING), 0);
  }
}

TEST(GstHeparClassifyTest, SaliencyMapsBeginAndEndWithTheViewThatShowsThem) {
  Pipe pipe(ClassifyAndShow("mode=sync", "none"));
  int index = 0;
  for (const char* view : {"all", "saliency", "none", "saliency"}) {
    gst_util_set_object_arg(G_OBJECT(pipe["o"]), "view", view);
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), index++));
    EXPECT_EQ(IsExplained(out.get()), std::string(view) == "saliency") << view;
  }
}

TEST(GstHeparClassifyTest, InNewestModeNeitherFrameNorGradeWaitsForASaliencyMap) {
  Pipe pipe(ClassifyAndShow("mode=newest", "saliency"));
  // Frames pass at once, in order, with what is there; the map of the first comes later.
  const BufferPtr first = pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_FALSE(HasSeverity(first.get()));
  int i = 1;
  bool explained = false;
  for (; i < 1000 && !explained; ++i) {
    g_usleep(10000);
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), i));
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), static_cast<GstClockTime>(i) * kFrameTime);
    explained = IsExplained(out.get());
  }
  EXPECT_TRUE(explained);
  pipe.PushEos();
  EXPECT_EQ(StatOf(pipe["c"], "frames"), static_cast<guint64>(i));
  EXPECT_EQ(StatOf(pipe["c"], "graded") + StatOf(pipe["c"], "skipped"), static_cast<guint64>(i));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0);
}

TEST(GstHeparClassifyTest, AModelWithoutSaliencyMapsSaysSoOnceAndGradesOn) {
  const std::string model = WriteCodeModel(::testing::TempDir(), "saliency-code.hepar");
  for (const char* mode : {"sync", "newest"}) {
    Pipe pipe("heparclassify name=c device=cpu allow-code=true model=" + model + " mode=" + mode +
              " ! heparoverlay view=saliency");
    for (int i = 0; i < 5; ++i) {
      const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), i));
      EXPECT_FALSE(IsExplained(out.get()));
      g_usleep(10000);
    }
    pipe.PushEos();
    const MessagePtr warning = pipe.PopMessage(GST_MESSAGE_WARNING);
    ASSERT_NE(warning, nullptr) << mode;
    EXPECT_THAT(ParseError(warning.get()).text,
                HasSubstr("no saliency maps for this model: the classifier has no lowering"));
    EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0);
    EXPECT_GT(StatOf(pipe["c"], "graded"), 0u);
    EXPECT_EQ(StatOf(pipe["c"], "errors"), 0u);
  }
}

TEST(GstHeparClassifyTest, OneBranchOfADividedStreamThatShowsSaliencyMapsIsEnough) {
  Pipe pipe(Classify("mode=sync") +
            " ! tee name=t ! queue ! fakesink async=false t. ! queue ! heparoverlay view=none ! "
            "fakesink async=false t. ! heparoverlay view=saliency");
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_TRUE(IsExplained(out.get()));
}

}  // namespace
}  // namespace hepar::testing
