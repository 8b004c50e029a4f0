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
  // Frames that are run together, of as many streams; 1: each for itself.
  int max_batch = 1;
  // How long the first frame of a batch waits for others.
  std::chrono::microseconds deadline{5000};
  // Threads that run batches, and so the processor cores that all streams of a runner may fill.
  int threads = 1;

  friend bool operator==(const BatchOptions& a, const BatchOptions& b) {
    return a.max_batch == b.max_batch && a.deadline == b.deadline && a.threads == b.threads;
  }
};

// Threads that classify the newest frames of one or more streams with one engine.
//
// Each stream has at most one frame that waits and one that runs; a newer frame takes the place of
// the one that waits. So whoever hands in frames never waits for the network, and what is graded is
// as fresh as can be. Streams are served in the order in which their frames came. When frames of
// several streams wait, or come within the deadline, they run as one batch: in one pass where the
// device gains by that (CUDA), one after the other on the CPU, whose engine is as fast with single
// frames - there the gain is that many streams share few threads instead of fighting for the cores.
//
// Thread-safe, but for what is said at Stream.
class BatchRunner {
 public:
  // The runner for this engine and these options: the same for all who ask for it while one of them
  // holds it. Throws Error(kInvalid) for options that are not positive, Error(kFailed) when a
  // thread cannot be started.
  static std::shared_ptr<BatchRunner> Shared(const std::shared_ptr<const Engine>& engine,
                                             const BatchOptions& options);

  // A runner of its own. As above.
  BatchRunner(std::shared_ptr<const Engine> engine, const BatchOptions& options);
  ~BatchRunner();

  // Each thread first warms up (two passes), before it runs anything. Waits for that, and throws
  // what went wrong; frames that are handed in nevertheless fail with the same error.
  void AwaitWarm();

  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  const Engine& engine() const { return *engine_; }

  // Called on one of the runner's threads when a frame was classified, or failed. Must not throw
  // and must not call the stream.
  using Done = std::function<void(const std::optional<Error>& error)>;

  // Where one stream hands in its frames. Its calls must not run at the same time, but for Drop().
  class Stream {
   public:
    explicit Stream(std::shared_ptr<BatchRunner> runner);
    // Drops what waits, and waits for what runs.
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Hands in a frame of the runner's engine. Returns true when it took the place of one that
    // waited, whose `done` is never called.
    bool Submit(std::shared_ptr<FrameInference> frame, Done done);

    // Drops the frame that waits; one that runs goes on. Returns true when there was one.
    bool Drop();

    // Waits until nothing of this stream runs or waits.
    void Drain();
    bool idle() const;

    BatchRunner& runner() { return *runner_; }

   private:
    friend class BatchRunner;

    struct Job {
      std::shared_ptr<FrameInference> frame;
      Done done;
      std::chrono::steady_clock::time_point since;  // Of the first frame that waited in its place.
    };

    std::shared_ptr<BatchRunner> runner_;
    std::optional<Job> waiting_;  // Guarded by the runner's mutex, as is the next.
    bool running_ = false;
  };

 private:
  void Stop();
  void Run();
  // Streams whose frame may run now, in the order of their age.
  std::vector<Stream*> ReadyStreams() const;

  const std::shared_ptr<const Engine> engine_;
  const BatchOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;  // There may be something to run, or the end.
  std::condition_variable idle_;  // A stream may have become idle, or a thread warm.
  std::list<Stream*> streams_;
  bool quit_ = false;
  int warm_ = 0;
  std::optional<Error> failure_;  // Of a warm-up.
  std::vector<std::thread> threads_;
};

}  // namespace hepar
