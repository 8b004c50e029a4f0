// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What happens to a stream when its surroundings fail: memory runs out, the clock jumps, the source
// stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/elements/element_test.h"
#include "tests/support/failing_allocation.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

// Pushes the buffer while the `number`-th allocation fails. Returns also whether there were so
// many.
std::pair<GstFlowReturn, bool> PushWithFault(Pipe* pipe, BufferPtr buffer, int number) {
  const FailingAllocation fault(number);
  const GstFlowReturn flow = pipe->Push(std::move(buffer));
  return {flow, fault.came()};
}

// With each allocation of a frame in turn.
TEST(FaultInjectionTest, AnAllocationThatFailsCostsItsFrameAndNoOther) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel() +
            " ! hepardecouple eager=true ! heparclassify name=c mode=sync smoothing=0");
  const std::vector<double> right =
      SeverityOf(pipe.Process(ScanBuffer(CapsOf(), 0)).get()).raw_probabilities;
  pipe.Process(ScanBuffer(CapsOf(), 0));

  constexpr int kMost = 5000;
  int failed = 0;
  for (int n = 1; n < kMost; ++n) {
    SCOPED_TRACE(n);
    const auto [flow, came] = PushWithFault(&pipe, ScanBuffer(CapsOf(), 0), n);
    const BufferPtr out = pipe.Pull();
    if (!came) break;
    ++failed;
    // It passes, or the stream ends with an error that says why.
    if (flow == GST_FLOW_OK) {
      ASSERT_NE(out, nullptr);
    } else {
      ASSERT_EQ(flow, GST_FLOW_ERROR);
      const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ERROR);
      ASSERT_NE(message, nullptr);
      EXPECT_THAT(ParseError(message.get()).text, HasSubstr("out of memory"));
    }
    const BufferPtr sound = pipe.Process(ScanBuffer(CapsOf(), 0));
    ASSERT_TRUE(SeverityOf(sound.get()).fresh);
    ASSERT_EQ(SeverityOf(sound.get()).raw_probabilities, right);
  }
  EXPECT_GT(failed, 10);
  EXPECT_LT(failed, kMost - 1);
  EXPECT_GT(StatOf(pipe["c"], "errors") + StatOf(pipe["c"], "skipped"), 0u);
}

TEST(FaultInjectionTest, AnAllocationThatFailsWhileDrawingIsAnErrorAndNoBarePicture) {
  Pipe pipe("heparclassify device=cpu mode=sync model=" + TinyModel() + " ! heparoverlay",
            CapsOf("BGRx", 320, 240));
  pipe.Process(ScanBuffer(CapsOf("BGRx", 320, 240), 0));
  int failed = 0;
  constexpr int kMost = 5000;
  for (int n = 1; n < kMost; ++n) {
    SCOPED_TRACE(n);
    const auto [flow, came] = PushWithFault(&pipe, ScanBuffer(CapsOf("BGRx", 320, 240), n), n);
    const BufferPtr out = pipe.Pull();
    if (!came) break;
    ++failed;
    ASSERT_TRUE(flow == GST_FLOW_OK || flow == GST_FLOW_ERROR);
    ASSERT_EQ(out != nullptr, flow == GST_FLOW_OK);
    pipe.Process(ScanBuffer(CapsOf("BGRx", 320, 240), n));
  }
  EXPECT_GT(failed, 10);
  EXPECT_LT(failed, kMost - 1);
}

// A source that restarts, a camera whose clock is set, a file that was cut together.
TEST(FaultInjectionTest, TimesThatJumpLoseNoFrameAndBeginTheAveragesAgain) {
  Pipe pipe("heparclassify name=c device=cpu mode=sync smoothing=2 model=" + TinyModel());
  constexpr GstClockTime kHour = 3600 * GST_SECOND;
  const GstClockTime times[] = {10 * kHour,
                                10 * kHour + kFrameTime,
                                12 * kHour,  // Ahead.
                                12 * kHour + kFrameTime,
                                kFrameTime,  // Back.
                                2 * kFrameTime,
                                2 * kFrameTime,  // Stands still.
                                GST_CLOCK_TIME_NONE};
  guint64 graded = 0;
  GstClockTime before = GST_CLOCK_TIME_NONE;
  for (const GstClockTime time : times) {
    SCOPED_TRACE(time);
    BufferPtr buffer = ScanBuffer(CapsOf(), static_cast<int>(graded));
    GST_BUFFER_PTS(buffer.get()) = time;
    const BufferPtr out = pipe.Process(std::move(buffer));
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), time);
    const GstHeparSeverity severity = SeverityOf(out.get());
    EXPECT_TRUE(severity.fresh);
    EXPECT_NEAR(Sum(severity.probabilities), 1.0, 1e-5);
    const bool jumped = time != GST_CLOCK_TIME_NONE && before != GST_CLOCK_TIME_NONE &&
                        (time < before || time - before > kHour);
    if (jumped) {
      for (std::size_t k = 0; k < severity.probabilities.size(); ++k) {
        EXPECT_NEAR(severity.probabilities[k], severity.raw_probabilities[k], 1e-6);
      }
    }
    before = time;
    EXPECT_EQ(StatOf(pipe["c"], "graded"), ++graded);
  }
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0);
}

// Without an end of stream: a cable that is pulled, a process that is killed.
TEST(FaultInjectionTest, WhatASourceGaveBeforeItStoppedIsPublished) {
  const std::string path = WriteFile("lines.jsonl", "");
  constexpr int kFrames = 5;
  {
    Pipe pipe("heparclassify device=cpu mode=sync model=" + TinyModel() +
              " ! heparpublish location=" + path);
    for (int i = 0; i < kFrames; ++i) pipe.Process(ScanBuffer(CapsOf(), i));
  }
  std::ifstream file(path);
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    EXPECT_THAT(line, HasSubstr("\"probabilities\":"));
    EXPECT_EQ(line.back(), '}');
  }
  EXPECT_EQ(lines, kFrames);
}

// A stream that comes late, or with long gaps, is held by nothing.
TEST(FaultInjectionTest, AfterAGapTheOldResultDoesNotStandForTheNewFrame) {
  Pipe pipe("heparclassify name=c device=cpu mode=newest model=" + TinyModel());
  pipe.Process(ScanBuffer(CapsOf(), 0));
  EXPECT_TRUE(
      gst_harness_push_event(pipe.harness(), gst_event_new_gap(kFrameTime, 60 * GST_SECOND)));
  const BufferPtr late = pipe.Process(ScanBuffer(CapsOf(), 1500));
  GstHeparSeverity severity;
  if (gst_buffer_get_hepar_severity(late.get(), &severity) && !severity.fresh) {
    EXPECT_GE(severity.age, 59 * GST_SECOND);
  }
  pipe.PushEos();
  EXPECT_EQ(StatOf(pipe["c"], "graded") + StatOf(pipe["c"], "skipped"), 2u);
}

}  // namespace
}  // namespace hepar::testing
