// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "models/engine/engine.h"
#include "models/error.h"

namespace hepar {

struct BatchOptions {
  // Most frames in a batch, each of another stream. 1: no batches.
  int max_batch = 1;
  // Longest time that the first frame of a batch waits for others.
  std::chrono::microseconds deadline{5000};
  // Threads that run batches: the number of processor cores that all streams of a runner may use.
  int threads = 1;

  friend bool operator==(const BatchOptions& a, const BatchOptions& b) {
    return a.max_batch == b.max_batch && a.deadline == b.deadline && a.threads == b.threads;
  }
};

// Threads that classify the newest frames of one or more streams with one engine.
//
// Each stream has at most one waiting and one running frame; a newer frame replaces the waiting
// one. So producers never wait for the network, and the newest frames are graded. Streams are
// served in the order in which their frames arrived. Frames of several streams that wait, or arrive
// within the deadline, run as one batch: in one pass where that is faster (CUDA), one by one on the
// CPU. There the benefit is that many streams share few threads.
//
// Thread-safe, except for Stream.
class BatchRunner {
 public:
  // Returns the runner for this engine and these options, which all callers share as long as one of
  // them holds it. Throws Error(kInvalid) for options that are not positive, Error(kFailed) when a
  // thread cannot be started.
  static std::shared_ptr<BatchRunner> Shared(const std::shared_ptr<const Engine>& engine,
                                             const BatchOptions& options);

  // A separate runner. Throws as Shared().
  BatchRunner(std::shared_ptr<const Engine> engine, const BatchOptions& options);
  ~BatchRunner();

  // Waits until each thread has warmed up (two passes), which it does first. Throws the error of a
  // failed warm-up; frames that are submitted nevertheless fail with the same error.
  void AwaitWarm();

  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  const Engine& engine() const { return *engine_; }

  // Called on one of the runner's threads when a frame was classified or has failed. Must not throw
  // and must not call the stream.
  using Done = std::function<void(const std::optional<Error>& error)>;

  // The interface of one stream. Not thread-safe, except for Drop().
  class Stream {
   public:
    explicit Stream(std::shared_ptr<BatchRunner> runner);
    // Drops the waiting frame and waits for the running one.
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Submits a frame of the runner's engine. Returns true when it replaced a waiting frame, whose
    // `done` is then never called.
    bool Submit(std::shared_ptr<FrameInference> frame, Done done);

    // Drops the waiting frame, but not a running one. Returns true when there was one.
    bool Drop();

    // Waits until no frame of this stream is waiting or running.
    void Drain();
    bool idle() const;

    BatchRunner& runner() { return *runner_; }

   private:
    friend class BatchRunner;

    struct Job {
      std::shared_ptr<FrameInference> frame;
      Done done;
      std::chrono::steady_clock::time_point
          since;  // Arrival of the first frame that this one replaced, or its own.
    };

    std::shared_ptr<BatchRunner> runner_;
    std::optional<Job> waiting_;  // Guarded by the runner's mutex, as is running_.
    bool running_ = false;
  };

 private:
  void Stop();
  void Run();
  // Streams whose frame can run now, oldest first.
  std::vector<Stream*> ReadyStreams() const;

  const std::shared_ptr<const Engine> engine_;
  const BatchOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;  // A frame may be ready, or quit_ is set.
  std::condition_variable idle_;  // A stream may have become idle, or a thread has warmed up.
  std::list<Stream*> streams_;
  bool quit_ = false;
  int warm_ = 0;
  std::optional<Error> failure_;  // Of a warm-up.
  std::vector<std::thread> threads_;
};

}  // namespace hepar
