// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/grading/grader.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace hepar {
namespace {

// Runs `function`; returns its error.
template <typename Function>
std::optional<Error> ErrorOf(const Function& function) noexcept {
  try {
    function();
    return {};
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::kFailed, error.what());
  } catch (...) {
    return Error(ErrorKind::kFailed, "an exception of an unknown type");
  }
}

// Runs the network, or takes the result that is ready. Any thread; errors go to `frame`.
void Classify(GradedFrame* frame) noexcept {
  frame->error = ErrorOf([&] { frame->inference->Classify(); });
}

}  // namespace

void Grader::Start(const BatchOptions& batch) {
  batch_ = batch;
  dropped_ = 0;
}

void Grader::Stop() {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard<std::mutex> lock(stream_mutex_);
    std::swap(stream, stream_);
  }
  if (stream) retired_.push_back(std::move(stream));
  for (const auto& retired : retired_) {
    // Another thread may hold the stream a moment longer, in DropInFlight(); nothing runs then.
    retired->Drop();
    retired->Drain();
  }
  retired_.clear();
  finished_.clear();
  saliency_error_.reset();
}

void Grader::Explain(FrameInference* inference) noexcept {
  const auto error = ErrorOf([&] { inference->Saliency(); });
  if (!error) return;
  const std::lock_guard<std::mutex> lock(finished_mutex_);
  saliency_error_ = error;
}

std::optional<Error> Grader::TakeSaliencyError() {
  const std::lock_guard<std::mutex> lock(finished_mutex_);
  return std::exchange(saliency_error_, std::nullopt);
}

Grader::Stream& Grader::StreamOf(const Engine& engine) {
  retired_.erase(std::remove_if(retired_.begin(), retired_.end(),
                                [](const auto& stream) { return stream->idle(); }),
                 retired_.end());
  if (stream_ && &stream_->runner().engine() == &engine) return *stream_;

  const auto shared = engine.shared_from_this();
  auto runner = batch_.max_batch > 1 ? BatchRunner::Shared(shared, batch_)
                                     : std::make_shared<BatchRunner>(shared, batch_);
  auto stream = std::make_shared<Stream>(std::move(runner));
  const std::lock_guard<std::mutex> lock(stream_mutex_);
  if (stream_) retired_.push_back(std::move(stream_));
  stream_ = std::move(stream);
  return *stream_;
}

void Grader::WarmUp(const Engine& engine) { StreamOf(engine).runner().AwaitWarm(); }

void Grader::Submit(GradedFrame frame, std::function<void(GradedFrame)> done) {
  auto inference = frame.inference;
  if (frame.wants_saliency) inference->RequestSaliency();
  const bool superseded =
      StreamOf(inference->engine())
          .Submit(inference, [this, inference, frame = std::move(frame),
                              done = std::move(done)](const std::optional<Error>& error) mutable {
            frame.error = error;
            if (!error) Classify(&frame);
            const bool explain =
                frame.wants_saliency && !frame.error && frame.generation == generation_;
            done(std::move(frame));
            if (explain) Explain(inference.get());
          });
  if (superseded) ++dropped_;
}

void Grader::Submit(GradedFrame frame) {
  Submit(std::move(frame), [this](GradedFrame graded) {
    const std::lock_guard<std::mutex> lock(finished_mutex_);
    finished_.push_back(std::move(graded));
  });
}

bool Grader::GradeNow(GradedFrame* frame) {
  if (grades_alone()) {
    if (frame->wants_saliency) frame->inference->RequestSaliency();
    Classify(frame);
    if (frame->wants_saliency && !frame->error) Explain(frame->inference.get());
  } else {
    bool done = false;
    Submit(*frame, [&](GradedFrame graded) {
      *frame = std::move(graded);
      done = true;
    });
    stream_->Drain();
    if (!done) return false;  // Counted by DropInFlight().
  }
  if (frame->generation != generation_) {
    ++dropped_;
    return false;
  }
  if (frame->error) throw *frame->error;
  return true;
}

std::vector<GradedFrame> Grader::TakeFinished() {
  std::vector<GradedFrame> finished;
  {
    const std::lock_guard<std::mutex> lock(finished_mutex_);
    std::swap(finished, finished_);
  }
  const auto stale = std::stable_partition(
      finished.begin(), finished.end(),
      [this](const GradedFrame& frame) { return frame.generation == generation_; });
  dropped_ += static_cast<std::uint64_t>(finished.end() - stale);
  finished.erase(stale, finished.end());
  return finished;
}

void Grader::DropInFlight() {
  ++generation_;
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard<std::mutex> lock(stream_mutex_);
    stream = stream_;
  }
  if (stream && stream->Drop()) ++dropped_;
}

void Grader::Drain() {
  for (const auto& stream : retired_) stream->Drain();
  if (stream_) stream_->Drain();
}

}  // namespace hepar
