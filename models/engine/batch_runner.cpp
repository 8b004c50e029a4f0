// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/batch_runner.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMost = 256;

void CheckPositive(const char* name, long long value, long long most) {
  if (value >= 1 && value <= most) return;
  throw Error(ErrorKind::kInvalid, std::string("batches: ") + name + " is " +
                                       std::to_string(value) + ", expected 1 to " +
                                       std::to_string(most));
}

}  // namespace

std::shared_ptr<BatchRunner> BatchRunner::Shared(const std::shared_ptr<const Engine>& engine,
                                                 const BatchOptions& options) {
  static std::mutex mutex;
  static std::list<std::weak_ptr<BatchRunner>> runners;
  const std::lock_guard<std::mutex> lock(mutex);
  runners.remove_if([](const auto& runner) { return runner.expired(); });
  for (const auto& known : runners) {
    const auto runner = known.lock();
    if (runner && runner->engine_ == engine && runner->options_ == options) return runner;
  }
  auto runner = std::make_shared<BatchRunner>(engine, options);
  runners.push_back(runner);
  return runner;
}

BatchRunner::BatchRunner(std::shared_ptr<const Engine> engine, const BatchOptions& options)
    : engine_(std::move(engine)), options_(options) {
  CheckPositive("the number of frames", options.max_batch, kMost);
  CheckPositive("the number of threads", options.threads, kMost);
  CheckPositive("the deadline in microseconds", options.deadline.count(), 60'000'000);
  try {
    for (int i = 0; i < options.threads; ++i) threads_.emplace_back(&BatchRunner::Run, this);
  } catch (const std::system_error& error) {
    Stop();
    throw Error(ErrorKind::kFailed,
                std::string("a thread for the network could not be started: ") + error.what());
  }
}

BatchRunner::~BatchRunner() { Stop(); }

void BatchRunner::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void BatchRunner::AwaitWarm() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return warm_ == options_.threads; });
  if (failure_) throw *failure_;
}

std::vector<BatchRunner::Stream*> BatchRunner::ReadyStreams() const {
  std::vector<Stream*> ready;
  for (Stream* stream : streams_) {
    // The frames of one stream run one by one, so that they finish in order.
    if (stream->waiting_ && !stream->running_) ready.push_back(stream);
  }
  std::sort(ready.begin(), ready.end(),
            [](Stream* a, Stream* b) { return a->waiting_->since < b->waiting_->since; });
  return ready;
}

void BatchRunner::Run() {
  std::optional<Error> failure;
  try {
    engine_->WarmUp();
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorKind::kFailed, error.what());
  }
  std::unique_lock<std::mutex> lock(mutex_);
  if (failure) failure_ = failure;
  ++warm_;
  idle_.notify_all();

  const auto most = static_cast<std::size_t>(options_.max_batch);
  while (true) {
    std::vector<Stream*> ready;
    wake_.wait(lock, [&] {
      ready = ReadyStreams();
      return quit_ || !ready.empty();
    });
    if (quit_) return;
    if (most > 1 && engine_->gains_by_batches()) {
      // Another thread may take them in the meantime.
      const auto deadline = ready.front()->waiting_->since + options_.deadline;
      wake_.wait_until(lock, deadline, [&] {
        ready = ReadyStreams();
        return quit_ || ready.empty() || ready.size() >= std::min(most, streams_.size());
      });
      if (quit_) return;
      if (ready.empty()) continue;
    } else {
      ready.resize(1);
    }
    ready.resize(std::min(ready.size(), most));

    std::vector<Stream::Job> jobs;
    for (Stream* stream : ready) {
      jobs.push_back(std::move(*stream->waiting_));
      stream->waiting_.reset();
      stream->running_ = true;
    }
    lock.unlock();
    std::vector<FrameInference*> frames;
    for (const auto& job : jobs) frames.push_back(job.frame.get());
    const auto errors = failure ? std::vector<std::optional<Error>>(frames.size(), failure)
                                : engine_->ClassifyTogether(frames);
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].done(errors[i]);
    jobs.clear();
    lock.lock();
    for (Stream* stream : ready) stream->running_ = false;
    idle_.notify_all();
    // Frames that arrived for these streams in the meantime are ready now.
    wake_.notify_all();
  }
}

BatchRunner::Stream::Stream(std::shared_ptr<BatchRunner> runner) : runner_(std::move(runner)) {
  const std::lock_guard<std::mutex> lock(runner_->mutex_);
  runner_->streams_.push_back(this);
}

BatchRunner::Stream::~Stream() {
  Drop();
  Drain();
  const std::lock_guard<std::mutex> lock(runner_->mutex_);
  runner_->streams_.remove(this);
}

bool BatchRunner::Stream::idle() const {
  const std::lock_guard<std::mutex> lock(runner_->mutex_);
  return !running_ && !waiting_;
}

bool BatchRunner::Stream::Submit(std::shared_ptr<FrameInference> frame, Done done) {
  Job job{std::move(frame), std::move(done), Clock::now()};
  std::optional<Job> superseded;
  {
    const std::lock_guard<std::mutex> lock(runner_->mutex_);
    // A stream keeps its position in the queue; otherwise one with many frames would never run.
    if (waiting_) job.since = waiting_->since;
    superseded = std::exchange(waiting_, std::move(job));
  }
  runner_->wake_.notify_one();
  return superseded.has_value();
}

bool BatchRunner::Stream::Drop() {
  std::optional<Job> dropped;
  {
    const std::lock_guard<std::mutex> lock(runner_->mutex_);
    std::swap(dropped, waiting_);
  }
  runner_->idle_.notify_all();
  return dropped.has_value();
}

void BatchRunner::Stream::Drain() {
  std::unique_lock<std::mutex> lock(runner_->mutex_);
  runner_->idle_.wait(lock, [this] { return !running_ && !waiting_; });
}

}  // namespace hepar
