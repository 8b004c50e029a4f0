// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace hepar {

// A thread that does the newest job it was given: one runs, at most one waits, and a newer one
// takes the place of the one that waits. So whoever hands in jobs never waits for them. The thread
// starts with the first job.
//
// Thread-safe, except that Submit() and Stop() must not run at the same time, and that a job must
// call none of it. Jobs must not throw. A job that was dropped is destroyed on the thread that
// dropped it.
class NewestWorker {
 public:
  using Job = std::function<void()>;

  NewestWorker() = default;
  ~NewestWorker() { Stop(); }
  NewestWorker(const NewestWorker&) = delete;
  NewestWorker& operator=(const NewestWorker&) = delete;

  // Hands in a job. Returns true when it took the place of one that waited. Throws
  // std::system_error when the thread cannot be started.
  bool Submit(Job job);

  // Drops the job that waits; one that runs goes on. Returns true when there was one.
  bool Drop();

  // Waits until nothing runs and nothing waits.
  void Drain();

  // Drops the job that waits, waits for the one that runs and ends the thread. The next Submit()
  // starts another.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  Job waiting_;
  bool busy_ = false;
  bool quit_ = false;
  std::thread thread_;  // Of Submit() and Stop() alone.
};

}  // namespace hepar
