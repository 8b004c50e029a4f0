// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/grading/grading_schedule.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace hepar {
namespace {

using Answer = GradingSchedule::Answer;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;

TEST(GradingScheduleTest, GradesEachNthFrame) {
  GradingSchedule schedule;
  std::vector<bool> due;
  for (int i = 0; i < 7; ++i) due.push_back(schedule.Ask(3, i, {}) == Answer::kDue);
  EXPECT_EQ(due, (std::vector<bool>{true, false, false, true, false, false, true}));
}

TEST(GradingScheduleTest, AShorterIntervalTakesEffectAtOnce) {
  GradingSchedule schedule;
  EXPECT_EQ(schedule.Ask(100, 0, {}), Answer::kDue);
  EXPECT_EQ(schedule.Ask(100, 1, {}), Answer::kBetween);
  EXPECT_EQ(schedule.Ask(2, 2, {}), Answer::kDue);
}

TEST(GradingScheduleTest, LeavesLateFramesOut) {
  GradingSchedule schedule;
  EXPECT_EQ(schedule.Ask(1, 0, 200 * kMillisecond), Answer::kDue) << "the first frame";
  EXPECT_EQ(schedule.Ask(1, 160 * kMillisecond, 200 * kMillisecond), Answer::kLate);
  EXPECT_EQ(schedule.Ask(1, 200 * kMillisecond, 200 * kMillisecond), Answer::kDue);
}

TEST(GradingScheduleTest, HoweverLateAFrameIsGradedEachSecond) {
  GradingSchedule schedule;
  int due = 0;
  for (std::uint64_t i = 0; i <= 100; ++i) {
    due += schedule.Ask(1, i * 40 * kMillisecond, 100 * kSecond) == Answer::kDue;
  }
  EXPECT_EQ(due, 5);  // At 0, 1, 2, 3 and 4 s.
}

TEST(GradingScheduleTest, AfterAResetTheNextFrameIsDue) {
  GradingSchedule schedule;
  schedule.Ask(10, 0, {});
  schedule.Reset();
  EXPECT_EQ(schedule.Ask(10, 1, {}), Answer::kDue);
}

}  // namespace
}  // namespace hepar
