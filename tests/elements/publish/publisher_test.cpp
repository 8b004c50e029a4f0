// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

// What the outlet does, which the test may change at any time.
class Script {
 public:
  bool refuses() const {
    return Locked([this] { return refuses_; });
  }
  void set_refuses(bool value) {
    Locked([&] { refuses_ = value; });
  }
  // How many lines are acknowledged from now on; negative: all.
  void set_acknowledges(int value) {
    Locked([&] { acknowledges_ = value; });
  }
  std::vector<std::string> arrived() const {
    return Locked([this] { return arrived_; });
  }
  bool finished() const {
    return Locked([this] { return finished_; });
  }

  // Waits until `done` is true of the lines that have arrived.
  template <typename Done>
  bool Wait(Done done) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return done(); });
  }
  std::size_t arrived_unlocked() const { return arrived_.size(); }
  int attempts_unlocked() const { return attempts_; }

 private:
  friend class ScriptedOutlet;
  template <typename F>
  auto Locked(F f) const -> decltype(f()) {
    std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
    return f();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool refuses_ = false;
  int acknowledges_ = -1;
  int attempts_ = 0;
  bool finished_ = false;
  std::vector<std::string> arrived_;
};

class ScriptedOutlet : public Outlet {
 public:
  explicit ScriptedOutlet(Script* script) : script_(script) {}

  bool Open() override {
    script_->Locked([this] { ++script_->attempts_; });
    Check();
    return true;
  }
  bool Send(const ResultLine& line) override {
    Check();
    if (sent_.size() >= 3) return false;
    sent_.push_back(line.text);
    return true;
  }
  std::size_t Work() override {
    Check();
    return script_->Locked([this] {
      std::size_t count = 0;
      while (!sent_.empty() && script_->acknowledges_ != 0) {
        script_->arrived_.push_back(sent_.front());
        sent_.erase(sent_.begin());
        if (script_->acknowledges_ > 0) --script_->acknowledges_;
        ++count;
      }
      return count;
    });
  }
  void Close() noexcept override {}
  void Finish() override {
    script_->Locked([this] { script_->finished_ = true; });
  }

 private:
  void Check() const {
    if (script_->refuses()) throw Error(ErrorKind::kUnreadable, "the outlet refuses");
  }

  Script* script_;
  std::vector<std::string> sent_;
};

PublisherOptions Fast(std::size_t queue = 10) {
  PublisherOptions options;
  options.queue = queue;
  options.drain = milliseconds(60000);
  options.first_pause = milliseconds(1);
  options.longest_pause = milliseconds(4);
  return options;
}

void ExpectSum(const PublishCounts& counts) {
  EXPECT_EQ(counts.lines, counts.published + counts.dropped + counts.waiting);
}

TEST(PublisherTest, SendsLinesInOrderAndSaysGoodbye) {
  Script script;
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), Fast());
  for (const char* text : {"a", "b", "c", "d", "e"}) publisher.Publish({text, ""});
  publisher.Stop();
  EXPECT_THAT(script.arrived(), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_TRUE(script.finished());
  const PublishCounts counts = publisher.counts();
  EXPECT_EQ(counts.published, 5u);
  EXPECT_EQ(counts.waiting, 0u);
  EXPECT_FALSE(counts.connected);
  ExpectSum(counts);
}

TEST(PublisherTest, AnOutletThatIsAwayCostsTheOldestLines) {
  Script script;
  script.set_refuses(true);
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), Fast(2));
  for (const char* text : {"a", "b", "c", "d"}) publisher.Publish({text, ""});
  EXPECT_EQ(publisher.counts().dropped, 2u);
  EXPECT_EQ(publisher.counts().waiting, 2u);
  script.set_refuses(false);
  ASSERT_TRUE(script.Wait([&] { return script.arrived_unlocked() == 2; }));
  publisher.Stop();
  EXPECT_THAT(script.arrived(), ElementsAre("c", "d"));
  ExpectSum(publisher.counts());
}

TEST(PublisherTest, ReportsEachOutageOnce) {
  Script script;
  script.set_refuses(true);
  std::vector<std::string> reports;
  PublisherOptions options = Fast();
  options.changed = [&](const std::string* failure) {
    reports.push_back(failure == nullptr ? "open" : *failure);
  };
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), options);
  ASSERT_TRUE(script.Wait([&] { return script.attempts_unlocked() >= 5; })) << "it tries again";
  script.set_refuses(false);
  publisher.Publish({"a", ""});
  ASSERT_TRUE(script.Wait([&] { return script.arrived_unlocked() == 1; }));
  publisher.Stop();
  EXPECT_THAT(reports, ElementsAre("the outlet refuses", "open"));
  EXPECT_GE(publisher.counts().outages, 4u);
}

TEST(PublisherTest, LinesInFlightSurviveAnOutage) {
  Script script;
  script.set_acknowledges(0);
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), Fast());
  for (const char* text : {"a", "b", "c", "d"}) publisher.Publish({text, ""});
  script.set_refuses(true);
  ASSERT_TRUE(script.Wait([&] { return script.attempts_unlocked() >= 2; }));
  script.set_acknowledges(-1);
  script.set_refuses(false);
  publisher.Stop();
  EXPECT_THAT(script.arrived(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(publisher.counts().published, 4u);
}

TEST(PublisherTest, WhatIsLeftAtTheEndIsCounted) {
  Script script;
  script.set_acknowledges(2);
  PublisherOptions options = Fast();
  options.drain = milliseconds(50);
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), options);
  for (int i = 0; i < 8; ++i) publisher.Publish({std::to_string(i), ""});
  publisher.Stop();
  const PublishCounts counts = publisher.counts();
  EXPECT_EQ(counts.published, 2u);
  EXPECT_EQ(counts.waiting, 6u);
  ExpectSum(counts);
}

TEST(PublisherTest, TheEndDoesNotWaitForAnOutletThatIsAway) {
  Script script;
  script.set_refuses(true);
  PublisherOptions options = Fast();
  options.first_pause = options.longest_pause = std::chrono::hours(1);
  Publisher publisher(std::make_unique<ScriptedOutlet>(&script), options);
  publisher.Publish({"a", ""});
  ASSERT_TRUE(script.Wait([&] { return script.attempts_unlocked() >= 1; }));
  publisher.Stop();  // Hangs if it waits for the hour, or for the minute of `drain`.
  EXPECT_EQ(publisher.counts().waiting, 1u);
  EXPECT_FALSE(script.finished());
}

}  // namespace
}  // namespace hepar
