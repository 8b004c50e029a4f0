// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/repeat_limiter.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(RepeatLimiterTest, LetsARepeatedTextThroughOnceASecond) {
  RepeatLimiter limiter;
  int allowed = 0;
  // 3 s of frames at 25 frames a second.
  for (int i = 0; i < 75; ++i) allowed += limiter.Allow("short buffer", i * 40'000);
  EXPECT_EQ(allowed, 3);
}

TEST(RepeatLimiterTest, AnotherTextPassesAtOnce) {
  RepeatLimiter limiter;
  EXPECT_TRUE(limiter.Allow("a", 0));
  EXPECT_TRUE(limiter.Allow("b", 1));
  EXPECT_FALSE(limiter.Allow("b", 2));
}

TEST(RepeatLimiterTest, AfterAResetEveryTextIsNew) {
  RepeatLimiter limiter;
  limiter.Allow("a", 0);
  limiter.Reset();
  EXPECT_TRUE(limiter.Allow("a", 1));
}

}  // namespace
}  // namespace hepar
