// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace hepar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override {
    unsetenv("HEPAR_LOG");
    SetLogSink({});
  }

  // What one message of each level prints by the default sink.
  static std::string Printed(const char* environment) {
    if (environment) {
      setenv("HEPAR_LOG", environment, 1);
    } else {
      unsetenv("HEPAR_LOG");
    }
    CaptureStderr();
    SetLogSink({});
    Log(LogLevel::kWarning, "slow");
    Log(LogLevel::kInfo, "chosen");
    Log(LogLevel::kDebug, "detail");
    return GetCapturedStderr();
  }
};

TEST_F(LogTest, ASinkReceivesMessagesUpToItsLevel) {
  std::vector<std::string> messages;
  SetLogSink([&](LogLevel, const std::string& message) { messages.push_back(message); },
             LogLevel::kInfo);
  Log(LogLevel::kWarning, "slow");
  Log(LogLevel::kInfo, "chosen");
  Log(LogLevel::kDebug, "detail");
  EXPECT_THAT(messages, ElementsAre("slow", "chosen"));
  EXPECT_TRUE(IsLogged(LogLevel::kInfo));
  EXPECT_FALSE(IsLogged(LogLevel::kDebug));
}

TEST_F(LogTest, TheDefaultSinkPrintsWhatTheEnvironmentAsksFor) {
  EXPECT_EQ(Printed(nullptr), "hepar: warning: slow\n");
  EXPECT_EQ(Printed("none"), "");
  EXPECT_EQ(Printed("info"), "hepar: warning: slow\nhepar: chosen\n");
  EXPECT_EQ(Printed("debug"), "hepar: warning: slow\nhepar: chosen\nhepar: detail\n");
}

TEST_F(LogTest, AnUnknownLevelIsNamedAndWarningsArePrinted) {
  const std::string printed = Printed("loud");
  EXPECT_THAT(printed, HasSubstr("HEPAR_LOG: unknown log level 'loud'"));
  EXPECT_THAT(printed, HasSubstr("none, warning, info, debug"));
  EXPECT_THAT(printed, HasSubstr("hepar: warning: slow\n"));
}

TEST_F(LogTest, ThreadsLogWhileTheSinkChanges) {
  std::atomic<int> received{0};
  const LogSink count = [&](LogLevel, const std::string&) { ++received; };
  SetLogSink(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) Log(LogLevel::kInfo, "message");
    });
  }
  for (int i = 0; i < 100; ++i) SetLogSink(count);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(received, 4000);
}

}  // namespace
}  // namespace hepar
