// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/result_watch.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(ResultWatchTest, SaysOnceAfterFiveSecondsThatThereIsNoResult) {
  ResultWatch watch;
  int said = 0;
  double when = 0.0;
  for (int i = 0; i < 1000; ++i) {
    if (!watch.Add(100.0 + i * 0.04, false)) continue;
    ++said;
    when = i * 0.04;
  }
  EXPECT_EQ(said, 1);
  EXPECT_NEAR(when, 5.0, 1e-9);
  EXPECT_EQ(watch.frames(), 1000u);
  EXPECT_FALSE(watch.End());
}

TEST(ResultWatchTest, AStreamWithAResultIsFine) {
  ResultWatch watch;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(watch.Add(i * 0.04, i == 100));
  EXPECT_FALSE(watch.End());
}

TEST(ResultWatchTest, AShortStreamWithoutAResultIsSaidAtItsEnd) {
  ResultWatch watch;
  EXPECT_FALSE(watch.End()) << "an empty stream has no result to miss";
  watch.Add(0.0, false);
  EXPECT_TRUE(watch.End());
  EXPECT_FALSE(watch.End());
}

TEST(ResultWatchTest, ASeekIsNotFiveSecondsOfVideo) {
  ResultWatch watch;
  EXPECT_FALSE(watch.Add(0.0, false));
  watch.Jump();
  EXPECT_FALSE(watch.Add(100.0, false));
  EXPECT_TRUE(watch.Add(95.0, false)) << "in reverse";
}

TEST(ResultWatchTest, EachStreamIsWatchedForItself) {
  ResultWatch watch;
  watch.Add(0.0, false);
  watch.Add(5.0, false);
  watch.Reset();
  EXPECT_EQ(watch.frames(), 0u);
  watch.Add(6.0, false);
  EXPECT_TRUE(watch.End());
}

}  // namespace
}  // namespace hepar
