// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/model_slot.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

EngineConfig Config(const std::string& model) {
  EngineConfig config;
  config.model = model;
  config.device = "cpu";
  return config;
}

EngineRef OpenTiny(unsigned seed) { return ModelSlot::Open(Config(testing::TinyModel(seed))); }

void Unexpected(const ReportedError& error) { ADD_FAILURE() << error.what(); }

// Chooses until a loaded model took over.
std::optional<ModelSlot::Choice> ChooseUntilLoaded(ModelSlot* slot, const EngineRef& upstream) {
  for (int i = 0; i < 2000; ++i) {
    const ModelSlot::Choice choice = slot->Choose(upstream);
    if (choice.replaced || choice.gave_up) return choice;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

TEST(ModelSlotTest, WithoutAModelThereIsNoEngine) {
  ModelSlot slot;
  slot.Start();
  slot.Choose(nullptr);
  EXPECT_EQ(slot.engine(), nullptr);
  EXPECT_EQ(slot.device(), "");
}

TEST(ModelSlotTest, TheElementsOwnModelIsPreferredToUpstreams) {
  ModelSlot slot;
  slot.Start();
  const EngineRef own = OpenTiny(1), upstream = OpenTiny(2);
  slot.Own(own);
  EXPECT_FALSE(slot.Choose(upstream).changed);
  EXPECT_EQ(slot.engine(), own);
  EXPECT_TRUE(slot.owns());
  EXPECT_EQ(slot.device(), "cpu");
}

TEST(ModelSlotTest, AdoptsWhatUpstreamProvidesAndFollowsIt) {
  ModelSlot slot;
  slot.Start();
  const EngineRef first = OpenTiny(1), second = OpenTiny(2);
  slot.Announce(first);
  EXPECT_EQ(slot.device(), "cpu") << "before the first frame";
  EXPECT_EQ(slot.backend().substr(0, 4), "cpu ");
  EXPECT_FALSE(slot.device_lost());
  EXPECT_FALSE(slot.Choose(nullptr).changed) << "the first engine is no change";
  EXPECT_EQ(slot.engine(), first);
  EXPECT_FALSE(slot.Choose(first).changed);
  EXPECT_TRUE(slot.Choose(second).changed);
  EXPECT_EQ(slot.engine(), second);
  slot.Choose(nullptr);
  EXPECT_EQ(slot.engine(), second) << "a frame that upstream left out";
  EXPECT_FALSE(slot.owns());
}

TEST(ModelSlotTest, ALoadedModelTakesOverAtAFrame) {
  ModelSlot slot;
  slot.Start();
  const EngineRef own = OpenTiny(1);
  slot.Own(own);
  slot.Load(Config(testing::TinyModel(2)), Unexpected);
  const auto choice = ChooseUntilLoaded(&slot, nullptr);
  ASSERT_TRUE(choice && choice->replaced);
  EXPECT_TRUE(choice->changed);
  EXPECT_EQ(choice->replaced->old_id, own->spec().id);
  EXPECT_EQ(choice->replaced->location, testing::TinyModel(2));
  EXPECT_NE(slot.engine()->spec().id, own->spec().id);
  EXPECT_FALSE(slot.Choose(nullptr).replaced) << "once";
}

TEST(ModelSlotTest, AModelThatCannotBeLoadedLeavesTheOldOne) {
  ModelSlot slot;
  slot.Start();
  const EngineRef own = OpenTiny(1);
  slot.Own(own);
  std::promise<std::string> failed;
  slot.Load(Config("/no/such/model.hepar"),
            [&failed](const ReportedError& error) { failed.set_value(error.what()); });
  EXPECT_NE(failed.get_future().get().find("/no/such/model.hepar"), std::string::npos);
  EXPECT_FALSE(slot.Choose(nullptr).changed);
  EXPECT_EQ(slot.engine(), own);
}

TEST(ModelSlotTest, GivingTheOwnModelUpAdoptsUpstreams) {
  ModelSlot slot;
  slot.Start();
  slot.Own(OpenTiny(1));
  const EngineRef upstream = OpenTiny(2);
  slot.Load(Config(""), Unexpected);
  const auto choice = ChooseUntilLoaded(&slot, upstream);
  ASSERT_TRUE(choice && choice->gave_up);
  EXPECT_TRUE(choice->changed) << "results of the old model are stale";
  EXPECT_EQ(slot.engine(), upstream);
  EXPECT_FALSE(slot.owns());
}

TEST(ModelSlotTest, OnlyTheNewestLoadCounts) {
  ModelSlot slot;
  slot.Start();
  slot.Own(OpenTiny(1));
  for (unsigned i = 0; i < 5; ++i) slot.Load(Config(testing::TinyModel(2 + i % 2)), Unexpected);
  std::string location;
  while (location != testing::TinyModel(2)) {  // That of the last call.
    const auto choice = ChooseUntilLoaded(&slot, nullptr);
    ASSERT_TRUE(choice && choice->replaced);
    location = choice->replaced->location;
  }
}

TEST(ModelSlotTest, AStoppedSlotForgetsAllAndLoadsNothing) {
  ModelSlot slot;
  slot.Start();
  slot.Own(OpenTiny(1));
  slot.Load(Config(testing::TinyModel(2)), Unexpected);
  slot.Stop();
  EXPECT_EQ(slot.engine(), nullptr);
  EXPECT_EQ(slot.device(), "");
  slot.Load(Config("/no/such/model.hepar"), Unexpected);
  slot.Start();
  slot.Choose(nullptr);
  EXPECT_EQ(slot.engine(), nullptr);
}

}  // namespace
}  // namespace hepar
