// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/error.h"

namespace hepar {
namespace {

using ::testing::HasSubstr;

TEST(SectorRuleTest, WhatIsParsedIsWrittenTheSame) {
  for (const char* text : {"auto", "full", "0,0,1,1", "12,34,560,780"}) {
    EXPECT_EQ(SectorRule::Parse(text).ToString(), text);
  }
  EXPECT_EQ(SectorRule::Parse("12,34,560,780").fixed, cv::Rect(12, 34, 560, 780));
}

TEST(SectorRuleTest, RefusesAnythingElseAndQuotesIt) {
  for (const char* text :
       {"", "Auto", "full ", "1,2,3", "1,2,3,4,5", "1,2,3,4,", "-1,0,5,5", "0,0,0,5", "0,0,5,0",
        "1, 2,3,4", "a,b,c,d", "0,0,70000,5", "99999999999,0,5,5", "1.5,0,5,5"}) {
    SCOPED_TRACE(text);
    try {
      SectorRule::Parse(text);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      EXPECT_THAT(error.what(), HasSubstr("\"" + std::string(text) + "\""));
    }
  }
}

}  // namespace
}  // namespace hepar
