// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace hepar {

// A thread that runs the newest job: one job runs, at most one waits, and a newer job replaces the
// one that waits. So the producer of jobs never waits for them. The thread starts with the first
// job.
//
// Thread-safe, except that Submit() and Stop() must not run at the same time, and that a job must
// not call this object. Jobs must not throw. A job that is dropped is destroyed on the thread that
// drops it.
class NewestWorker {
 public:
  using Job = std::function<void()>;

  NewestWorker() = default;
  ~NewestWorker() { Stop(); }
  NewestWorker(const NewestWorker&) = delete;
  NewestWorker& operator=(const NewestWorker&) = delete;

  // Hands in a job. Returns true if it replaced a job that waited. Throws std::system_error if the
  // thread cannot be started.
  bool Submit(Job job);

  // Drops the job that waits. A job that runs goes on. Returns true if there was one to drop.
  bool Drop();

  // Waits until no job runs and no job waits.
  void Drain();

  // Drops the job that waits, waits for the job that runs, and ends the thread. The next Submit()
  // starts a new thread.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  Job waiting_;
  bool busy_ = false;
  bool quit_ = false;
  std::thread thread_;  // Used by Submit() and Stop() only.
};

}  // namespace hepar
