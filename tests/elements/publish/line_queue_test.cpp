// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/line_queue.h"

#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(LineQueueTest, TheOldestLineMakesRoom) {
  LineQueue queue(2);
  for (const char* text : {"a", "b", "c"}) queue.Push({text, ""});
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.pushed(), 3u);
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_EQ(queue.Pop()->text, "b");
  EXPECT_EQ(queue.Pop()->text, "c");
  EXPECT_FALSE(queue.Pop());
}

TEST(LineQueueTest, ALineThatIsPutBackIsTheOldestAgain) {
  LineQueue queue(2);
  queue.Push({"a", ""});
  queue.Push({"b", ""});
  queue.PutBack(*queue.Pop());
  EXPECT_EQ(queue.Pop()->text, "a");
  EXPECT_EQ(queue.dropped(), 0u);

  queue.Push({"c", ""});
  queue.PutBack({"a", ""});
  EXPECT_EQ(queue.dropped(), 1u) << "the queue has filled up meanwhile";
  EXPECT_EQ(queue.Pop()->text, "b");
}

}  // namespace
}  // namespace hepar
