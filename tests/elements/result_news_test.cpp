// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/result_news.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

GstHeparSeverity Severity(bool fresh, GstClockTime inference_time = 5,
                          const std::vector<double>& raw = {0.5, 0.5}) {
  GstHeparSeverity severity;
  severity.label = "mild";
  severity.state = GstHeparState::kGraded;
  severity.fresh = fresh;
  severity.inference_time = inference_time;
  severity.raw_probabilities = raw;
  return severity;
}

TEST(ResultNewsTest, EveryGradedFrameIsNew) {
  ResultNews news;
  EXPECT_TRUE(news.IsNew(Severity(true), 0));
  EXPECT_TRUE(news.IsNew(Severity(true), 0)) << "a loop comes back to the same time";
  EXPECT_FALSE(news.IsNew(Severity(false), 0)) << "carried over";
}

TEST(ResultNewsTest, ACarriedResultIsNewTheFirstTime) {
  ResultNews news;
  EXPECT_TRUE(news.IsNew(Severity(false), 100));
  EXPECT_FALSE(news.IsNew(Severity(false), 100));
  EXPECT_TRUE(news.IsNew(Severity(false), 200)) << "equal numbers of another frame";
}

TEST(ResultNewsTest, WithoutTimesTheNumbersTell) {
  ResultNews news;
  EXPECT_TRUE(news.IsNew(Severity(false), std::nullopt));
  EXPECT_FALSE(news.IsNew(Severity(false), std::nullopt));
  EXPECT_TRUE(news.IsNew(Severity(false, 6), std::nullopt));
  EXPECT_TRUE(news.IsNew(Severity(false, 6, {0.4, 0.6}), std::nullopt));
}

TEST(ResultNewsTest, AChangeIsOneOfLabelOrState) {
  ResultNews news;
  GstHeparSeverity severity = Severity(true);
  EXPECT_TRUE(news.IsChange(severity));
  severity.confidence = 0.9;
  EXPECT_FALSE(news.IsChange(severity));
  severity.state = GstHeparState::kUnfamiliar;
  EXPECT_TRUE(news.IsChange(severity));
  severity.label = "severe";
  EXPECT_TRUE(news.IsChange(severity));
  news.Reset();
  EXPECT_TRUE(news.IsChange(severity));
}

}  // namespace
}  // namespace hepar
