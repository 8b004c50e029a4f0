// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/engine_event.h"

#include <gtest/gtest.h>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

TEST(EngineEventTest, CarriesTheEngine) {
  EngineConfig config;
  config.model = testing::TinyModel();
  config.device = "cpu";
  const EngineRef engine = ModelSlot::Open(config);
  GstEvent* event = NewEngineEvent(engine);
  EXPECT_TRUE(GST_EVENT_IS_DOWNSTREAM(event));
  EXPECT_FALSE(GST_EVENT_IS_SERIALIZED(event)) << "it passes in front of caps and frames";
  EXPECT_EQ(ParseEngineEvent(event), engine);
  const long with_event = engine.use_count();
  gst_event_unref(event);
  EXPECT_EQ(engine.use_count(), with_event - 1) << "the event's reference ends with it";
}

TEST(EngineEventTest, OtherEventsCarryNone) {
  GstEvent* event = gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
                                         gst_structure_new_empty("hepar-engine"));
  EXPECT_EQ(ParseEngineEvent(event), nullptr);
  gst_event_unref(event);
  event = gst_event_new_eos();
  EXPECT_EQ(ParseEngineEvent(event), nullptr);
  gst_event_unref(event);
}

}  // namespace
}  // namespace hepar
