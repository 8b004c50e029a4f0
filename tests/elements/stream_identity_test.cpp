// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/stream_identity.h"

#include <gtest/gtest.h>

#include <memory>

namespace hepar {
namespace {

struct EventDeleter {
  void operator()(GstEvent* event) const { gst_event_unref(event); }
};
using EventPtr = std::unique_ptr<GstEvent, EventDeleter>;

EventPtr Start(const char* id, guint group = 0) {
  EventPtr event(gst_event_new_stream_start(id));
  if (group != 0) gst_event_set_group_id(event.get(), group);
  return event;
}

TEST(StreamIdentityTest, AnotherIdentifierOrGroupIsAnotherStream) {
  StreamIdentity identity;
  EXPECT_FALSE(identity.Update(Start("a", 1).get())) << "the first stream follows none";
  EXPECT_TRUE(identity.Update(Start("b", 1).get()));
  EXPECT_TRUE(identity.Update(Start("b", 2).get())) << "the same file once more";
  EXPECT_TRUE(identity.Update(Start("b").get()));
}

TEST(StreamIdentityTest, AnEventThatIsSentAgainIsTheSameStream) {
  StreamIdentity identity;
  identity.Update(Start("a", 1).get());
  EXPECT_FALSE(identity.Update(Start("a", 1).get()));
}

TEST(StreamIdentityTest, AfterAResetTheNextStreamIsTheFirst) {
  StreamIdentity identity;
  identity.Update(Start("a", 1).get());
  identity.Reset();
  EXPECT_FALSE(identity.Update(Start("b", 2).get()));
}

}  // namespace
}  // namespace hepar
