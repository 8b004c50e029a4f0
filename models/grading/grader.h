// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "models/engine/batch_runner.h"

namespace hepar {

// When a frame is shown, in nanoseconds.
struct FrameTime {
  std::uint64_t stream = 0;   // Position in the stream.
  std::uint64_t running = 0;  // On the pipeline's clock; grows whatever the stream does.
  std::uint64_t duration = 0;
};

// A frame that is graded or was.
struct GradedFrame {
  std::shared_ptr<FrameInference> inference;
  FrameTime time;
  std::uint64_t number = 0;      // Of the frame in its stream.
  std::uint64_t generation = 0;  // The grader's generation() when the frame came.
  bool wants_saliency = false;   // Whether FrameInference::Saliency() is computed too.
  std::optional<Error> error;    // Why it has no grade; set by the grader.
};

// Grades the frames of one stream, on the caller's thread or on threads of a BatchRunner, with
// whatever engine each frame belongs to. Results that a flush or another model made stale are not
// given out, only counted.
//
// Belongs to one thread, except for DropInFlight(), generation() and dropped(), which any thread
// may call.
class Grader {
 public:
  Grader() = default;
  ~Grader() { Stop(); }
  Grader(const Grader&) = delete;
  Grader& operator=(const Grader&) = delete;

  // Begins a run and sets dropped() to 0.
  void Start(const BatchOptions& batch);

  // Ends the run: drops frames that wait, and waits for those that run.
  void Stop();

  // Whether GradeNow() runs the network on the caller's thread and not together with frames of
  // other streams.
  bool grades_alone() const { return batch_.max_batch == 1; }

  // Makes the threads that run `engine` ready, and waits for them. Throws their Error.
  void WarmUp(const Engine& engine);

  // Grades `frame` and waits for the result, and for the saliency map where one is wanted. Returns
  // false when the result became stale meanwhile. Throws the frame's Error.
  bool GradeNow(GradedFrame* frame);

  // Hands `frame` to a worker thread and returns at once. A frame that waits is superseded. The
  // result is finished before the thread computes the saliency map, if one is wanted.
  void Submit(GradedFrame frame);

  // The frames that worker threads finished since the last call, in the order of the stream.
  std::vector<GradedFrame> TakeFinished();

  // Why a saliency map failed since the last call, if one did; the frame's grade counts all the
  // same.
  std::optional<Error> TakeSaliencyError();

  // Makes all frames in work stale.
  void DropInFlight();

  // Waits until no frame is in work; the results are then ready for TakeFinished().
  void Drain();

  std::uint64_t generation() const { return generation_; }

  // How many frames of this run were handed in and got neither a result nor an error: superseded
  // or stale.
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Stream = BatchRunner::Stream;

  // The stream for frames of `engine`. A stream of another engine is retired: it may still be busy,
  // and waiting for it would hold up the picture.
  Stream& StreamOf(const Engine& engine);
  void Explain(FrameInference* inference) noexcept;
  void Submit(GradedFrame frame, std::function<void(GradedFrame)> done);

  BatchOptions batch_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex stream_mutex_;  // Guards the pointer. Only the grader's own thread changes it.
  std::shared_ptr<Stream> stream_;
  std::vector<std::shared_ptr<Stream>> retired_;

  std::mutex finished_mutex_;  // Guards the members below.
  std::vector<GradedFrame> finished_;
  std::optional<Error> saliency_error_;
};

}  // namespace hepar
