// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/publisher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <optional>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// An outlet is asked at least this often, so that it keeps its connection alive.
constexpr milliseconds kTick{250};

}  // namespace

Publisher::Publisher(std::unique_ptr<Outlet> outlet, PublisherOptions options)
    : outlet_(std::move(outlet)),
      options_(std::move(options)),
      queue_(options_.queue),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      pause_(options_.first_pause) {
  if (wake_ < 0) throw Error(ErrorKind::kFailed, "no file descriptor is left to publish results");
  thread_ = std::thread([this] { Run(); });
}

Publisher::~Publisher() {
  Stop();
  close(wake_);
}

void Publisher::Publish(ResultLine line) {
  queue_.Push(std::move(line));
  eventfd_write(wake_, 1);
}

void Publisher::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    deadline_ = Clock::now() + options_.drain;
  }
  stop_.notify_all();
  eventfd_write(wake_, 1);
  thread_.join();
}

PublishCounts Publisher::counts() const {
  PublishCounts counts;
  // In this order, so that no line seems to be missing while others are added.
  counts.published = published_;
  counts.dropped = queue_.dropped();
  counts.lines = queue_.pushed();
  const std::uint64_t gone = counts.published + counts.dropped;
  counts.waiting = counts.lines > gone ? counts.lines - gone : 0;
  counts.outages = outages_;
  counts.connected = connected_;
  return counts;
}

bool Publisher::Done() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stopping_ && ((queue_.size() == 0 && in_flight_ == 0) || Clock::now() >= deadline_);
}

void Publisher::Run() {
  // A pipe or connection whose other end is gone is an error like others.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  while (!Done()) {
    std::string failure;
    try {
      RunOnce();
      continue;
    } catch (const std::exception& error) {
      failure = error.what();
    }
    outlet_->Close();
    connected_ = false;
    ++outages_;
    if (!std::exchange(reported_, true) && options_.changed) options_.changed(&failure);
    if (!Pause()) return;
  }
  if (!connected_) return;
  try {
    outlet_->Finish();
  } catch (const std::exception&) {
    // There is nobody left to say goodbye to.
  }
  outlet_->Close();
  connected_ = false;
}

void Publisher::RunOnce() {
  if (!connected_ && outlet_->Open()) {
    connected_ = true;
    reported_ = false;
    pause_ = options_.first_pause;
    if (options_.changed) options_.changed(nullptr);
  }
  while (connected_) {
    std::optional<ResultLine> line = queue_.Pop();
    if (!line) break;
    try {
      if (outlet_->Send(*line)) {
        ++in_flight_;
      } else {
        queue_.PutBack(std::move(*line));
        break;
      }
    } catch (const std::exception&) {
      queue_.PutBack(std::move(*line));
      throw;
    }
    const std::size_t arrived = outlet_->Work();
    in_flight_ -= arrived;
    published_ += arrived;
  }
  const std::size_t arrived = outlet_->Work();
  in_flight_ -= arrived;
  published_ += arrived;
  Wait(kTick);
}

// Returns when there is something to do.
void Publisher::Wait(milliseconds longest) {
  pollfd files[2] = {{wake_, POLLIN, 0}, outlet_->Watch()};
  poll(files, 2, static_cast<int>(longest.count()));
  eventfd_t count = 0;
  eventfd_read(wake_, &count);
}

// Waits before the next attempt. The end of the publisher cuts it short; after one more attempt,
// returns false.
bool Publisher::Pause() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (stopping_) return false;
  stop_.wait_for(lock, pause_, [this] { return stopping_; });
  pause_ = std::min(2 * pause_, options_.longest_pause);
  return true;
}

}  // namespace hepar
