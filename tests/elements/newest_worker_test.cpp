// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/newest_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace hepar {
namespace {

// A job that runs until the test releases it, so that the test controls which job waits.
class Blocker {
 public:
  NewestWorker::Job Job() {
    return [this] {
      started_.set_value();
      released_.get_future().wait();
    };
  }
  void WaitUntilStarted() { started_.get_future().wait(); }
  void Release() { released_.set_value(); }

 private:
  std::promise<void> started_;
  std::promise<void> released_;
};

TEST(NewestWorkerTest, RunsAJobOnAnotherThread) {
  std::thread::id id;
  NewestWorker worker;
  EXPECT_FALSE(worker.Submit([&id] { id = std::this_thread::get_id(); }));
  worker.Drain();
  EXPECT_NE(id, std::thread::id());
  EXPECT_NE(id, std::this_thread::get_id());
}

TEST(NewestWorkerTest, OnlyTheNewestOfTheJobsThatWaitRuns) {
  Blocker blocker;
  std::vector<int> ran;
  NewestWorker worker;
  worker.Submit(blocker.Job());
  blocker.WaitUntilStarted();

  EXPECT_FALSE(worker.Submit([&ran] { ran.push_back(1); }));
  EXPECT_TRUE(worker.Submit([&ran] { ran.push_back(2); }));
  EXPECT_TRUE(worker.Submit([&ran] { ran.push_back(3); }));
  blocker.Release();
  worker.Drain();
  EXPECT_EQ(ran, std::vector<int>{3});
}

TEST(NewestWorkerTest, EveryJobEitherRunsOrIsReportedAsReplaced) {
  constexpr int kJobs = 10000;
  std::atomic<int> ran{0};
  int replaced = 0;
  NewestWorker worker;
  for (int i = 0; i < kJobs; ++i) replaced += worker.Submit([&ran] { ++ran; });
  worker.Drain();
  EXPECT_EQ(ran + replaced, kJobs);
}

TEST(NewestWorkerTest, DropTakesAwayOnlyTheJobThatWaits) {
  Blocker blocker;
  bool ran = false;
  NewestWorker worker;
  worker.Submit(blocker.Job());
  blocker.WaitUntilStarted();
  worker.Submit([&ran] { ran = true; });

  EXPECT_TRUE(worker.Drop());
  EXPECT_FALSE(worker.Drop());
  blocker.Release();
  worker.Drain();
  EXPECT_FALSE(ran);
}

TEST(NewestWorkerTest, WhatADroppedJobHoldsIsSetFree) {
  Blocker blocker;
  auto held = std::make_shared<int>(1);
  NewestWorker worker;
  worker.Submit(blocker.Job());
  blocker.WaitUntilStarted();
  worker.Submit([held] {});
  worker.Drop();
  EXPECT_EQ(held.use_count(), 1);
  blocker.Release();
}

TEST(NewestWorkerTest, WhatAFinishedJobHeldIsSetFreeBeforeDrainReturns) {
  auto held = std::make_shared<int>(1);
  NewestWorker worker;
  worker.Submit([held] {});
  worker.Drain();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(NewestWorkerTest, WorksAgainAfterAStop) {
  int ran = 0;
  NewestWorker worker;
  worker.Stop();
  for (int i = 0; i < 3; ++i) {
    worker.Submit([&ran] { ++ran; });
    worker.Drain();
    worker.Stop();
  }
  EXPECT_EQ(ran, 3);
}

TEST(NewestWorkerTest, EndsWithTheJobThatRunsAndWithoutTheOneThatWaits) {
  Blocker blocker;
  bool ran = false;
  auto worker = std::make_unique<NewestWorker>();
  worker->Submit(blocker.Job());
  blocker.WaitUntilStarted();
  worker->Submit([&ran] { ran = true; });

  std::thread end([&worker] { worker.reset(); });
  // Stop() drops the waiting job before it waits for the running one.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  blocker.Release();
  end.join();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace hepar
