// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "elements/publish/line_queue.h"
#include "elements/publish/outlet.h"

namespace hepar {

// lines = published + dropped + waiting, at any time; after Stop() `waiting` are those that were
// lost.
struct PublishCounts {
  std::uint64_t lines = 0;
  std::uint64_t published = 0;  // Arrived.
  std::uint64_t dropped = 0;    // Made room for newer ones in the full queue.
  std::uint64_t waiting = 0;    // In the queue, or sent and not acknowledged.
  std::uint64_t outages = 0;    // How often the outlet failed while it was open or to be opened.
  bool connected = false;
};

struct PublisherOptions {
  std::size_t queue = 1000;  // Lines, at least 1.
  // How long Stop() waits for the lines that are left.
  std::chrono::milliseconds drain{2000};
  // The pause after a failure; it doubles with each further one up to `longest_pause`.
  std::chrono::milliseconds first_pause{500};
  std::chrono::milliseconds longest_pause{30000};
  // Called on the publisher's thread when the outlet is open: null; when it fails for the first
  // time since: the reason.
  std::function<void(const std::string* failure)> changed;
};

// Sends lines through an outlet on a thread of its own, for as long as it takes: an outlet that
// fails is opened again, with growing pauses.
class Publisher {
 public:
  Publisher(std::unique_ptr<Outlet> outlet, PublisherOptions options);
  ~Publisher();  // Stops.
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Queues a line. Never waits for the outlet. Any thread.
  void Publish(ResultLine line);

  // Sends what is left, for `drain` at most, and ends the thread. More calls do no harm.
  void Stop();

  // Any thread.
  PublishCounts counts() const;

 private:
  void Run();
  void RunOnce();
  void Wait(std::chrono::milliseconds longest);
  bool Pause();
  bool Done() const;

  const std::unique_ptr<Outlet> outlet_;
  const PublisherOptions options_;
  LineQueue queue_;
  int wake_ = -1;  // An eventfd.
  std::atomic<std::uint64_t> published_{0};
  std::atomic<std::uint64_t> outages_{0};
  std::atomic<bool> connected_{false};

  mutable std::mutex mutex_;  // Guards stopping_ and deadline_.
  std::condition_variable stop_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point deadline_;

  // The thread's own.
  std::uint64_t in_flight_ = 0;
  std::chrono::milliseconds pause_;
  bool reported_ = false;  // The failure since the outlet was open last.

  std::thread thread_;
};

}  // namespace hepar
