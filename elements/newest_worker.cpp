// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/newest_worker.h"

#include <utility>

namespace hepar {

bool NewestWorker::Submit(Job job) {
  if (!thread_.joinable()) thread_ = std::thread(&NewestWorker::Run, this);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::swap(waiting_, job);
  }
  wake_.notify_one();
  return static_cast<bool>(job);
}

bool NewestWorker::Drop() {
  Job dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::swap(waiting_, dropped);
    if (!busy_) idle_.notify_all();
  }
  return static_cast<bool>(dropped);
}

void NewestWorker::Drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return !busy_ && !waiting_; });
}

void NewestWorker::Stop() {
  Drop();
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
  }
  wake_.notify_one();
  thread_.join();
  quit_ = false;
}

void NewestWorker::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return quit_ || waiting_; });
    if (quit_) return;
    {
      Job job = std::exchange(waiting_, nullptr);
      busy_ = true;
      lock.unlock();
      job();
    }
    lock.lock();
    busy_ = false;
    if (!waiting_) idle_.notify_all();
  }
}

}  // namespace hepar
