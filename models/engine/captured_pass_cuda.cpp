// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a LibTorch with CUDA. Needs the CUDA headers.
#include <torch/version.h>

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "models/engine/pass_runner.h"
#include "models/log.h"

namespace hepar {
namespace {

// LibTorch and cuDNN choose algorithms and allocate workspaces in the first passes, which is not
// allowed during capture.
constexpr int kPassesBefore = 3;

constexpr std::size_t kLanes = 2;

using MemoryPool = decltype(at::cuda::graph_pool_handle());

// While a graph is captured no captured pass of another thread runs: in LibTorch 1 calls of any
// thread invalidate a capture.
std::shared_mutex& CaptureMutex() {
  static std::shared_mutex mutex;
  return mutex;
}

// cuDNN times its algorithms for shapes that it sees first. The flag is one of the process.
class TimedAlgorithms {
 public:
  TimedAlgorithms() : before_(at::globalContext().benchmarkCuDNN()) {
    at::globalContext().setBenchmarkCuDNN(true);
  }
  ~TimedAlgorithms() { at::globalContext().setBenchmarkCuDNN(before_); }
  TimedAlgorithms(const TimedAlgorithms&) = delete;
  TimedAlgorithms& operator=(const TimedAlgorithms&) = delete;

 private:
  bool before_;
};

class Graph : public at::cuda::CUDAGraph {
 public:
  void Begin(c10::DeviceIndex device, const MemoryPool& pool) {
    device_ = device;
    pool_ = pool;
#if TORCH_VERSION_MAJOR >= 2
    capture_begin(pool, cudaStreamCaptureModeThreadLocal);
#else
    capture_begin(pool);
#endif
  }

  // Ends a capture that failed. Otherwise the stream would stay in capture mode, and LibTorch would
  // go on to serve the stream from the graph's memory.
  void Abandon() noexcept {
    try {
      capture_end();
      return;  // Nothing was wrong with the capture itself.
    } catch (const std::exception&) {
      // CUDA has ended the capture; LibTorch's allocator has not been told.
    }
    using namespace c10::cuda::CUDACachingAllocator;
    try {
#if TORCH_VERSION_MAJOR >= 2
      endAllocateToPool(device_, pool_);
#else
      notifyCaptureEnd(device_, id_);
#endif
    } catch (const std::exception&) {
      // It had been told after all.
    }
    try {
#if TORCH_VERSION_MAJOR < 2
      notifyCaptureDestroy(device_, pool_);
#elif TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR <= 6
      releasePool(device_, pool_);  // Later releases do so in the destructor.
#endif
    } catch (const std::exception&) {
      // The capture had not come as far as its memory.
    }
    cudaGetLastError();  // Clears the error of the capture, which later calls would report.
  }

 private:
  c10::DeviceIndex device_ = 0;
  MemoryPool pool_;
};

struct Captured {
  torch::Tensor input;
  PassResults results;
  std::unique_ptr<Graph> graph;
};

// A stream with a graph for each batch size. The graphs share one pool of memory, as only one of
// them runs at a time.
struct Lane {
  std::mutex mutex;
  c10::cuda::CUDAStream stream;
  at::cuda::CUDAEvent done;
  MemoryPool pool = at::cuda::graph_pool_handle();
  std::map<std::int64_t, Captured> graphs;  // By batch size.

  explicit Lane(c10::DeviceIndex device)
      : stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)) {}
};

void CaptureSize(const Pass& pass, std::int64_t batch, Lane* lane) {
  const c10::InferenceMode inference;
  const c10::cuda::CUDAStreamGuard guard(lane->stream);
  Captured captured;
  captured.input = pass.make_input(batch);
  for (int i = 0; i < kPassesBefore; ++i) pass.run(captured.input);
  lane->stream.synchronize();
  captured.graph = std::make_unique<Graph>();
  try {
    captured.graph->Begin(lane->stream.device_index(), lane->pool);
    captured.results = pass.run(captured.input);
    if (captured.results.logits.defined()) {
      captured.results.logits = captured.results.logits.to(torch::kFloat32);
    }
    captured.graph->capture_end();
  } catch (...) {
    captured.graph->Abandon();
    throw;
  }
  lane->graphs.emplace(batch, std::move(captured));
}

std::string CauseOf(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  const std::string text = known != nullptr ? known->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

class CapturedRunner : public PassRunner {
 public:
  explicit CapturedRunner(const torch::Device& device) : device_(device) {
    for (auto& lane : lanes_) lane = std::make_unique<Lane>(device.index());
  }

  // Sizes 1, 2, 4, ... Throws where not even one picture can be captured.
  void Capture(const Pass& pass, std::int64_t max_batch) {
    const std::unique_lock<std::shared_mutex> alone(CaptureMutex());
    const c10::cuda::CUDAGuard device(device_);
    // The weights, which the caller's stream prepares.
    c10::cuda::getCurrentCUDAStream(device_.index()).synchronize();
    const TimedAlgorithms timed;
    for (std::int64_t batch = 1; batch <= max_batch; batch *= 2) {
      try {
        for (auto& lane : lanes_) CaptureSize(pass, batch, lane.get());
      } catch (const std::exception& error) {
        if (batch == 1) throw;
        // All lanes take the same sizes.
        for (auto& lane : lanes_) lane->graphs.erase(batch);
        c10::cuda::CUDACachingAllocator::emptyCache();
        Log(LogLevel::kWarning, "batches of more than " + std::to_string(batch / 2) +
                                    " pictures run in parts, since a graph of " +
                                    std::to_string(batch) +
                                    " cannot be captured: " + CauseOf(error));
        break;
      }
      largest_ = batch;
    }
  }

  PassResults Run(const std::vector<torch::Tensor>& pictures) override {
    const std::shared_lock<std::shared_mutex> no_capture(CaptureMutex());
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard device(device_);
    Lane& lane = *lanes_[next_++ % kLanes];
    const std::lock_guard<std::mutex> lock(lane.mutex);
    const c10::cuda::CUDAStreamGuard guard(lane.stream);

    std::vector<PassResults> parts;
    const auto count = static_cast<std::int64_t>(pictures.size());
    for (std::int64_t first = 0; first < count; first += largest_) {
      parts.push_back(Launch(lane, pictures, first, std::min(largest_, count - first)));
    }
    lane.done.record(lane.stream);
    lane.done.synchronize();
    if (parts.size() == 1) return parts[0];

    std::vector<torch::Tensor> maps, logits;
    for (const PassResults& part : parts) {
      if (part.maps.defined()) maps.push_back(part.maps);
      if (part.logits.defined()) logits.push_back(part.logits);
    }
    PassResults all;
    if (!maps.empty()) all.maps = at::cat(maps);
    if (!logits.empty()) all.logits = at::cat(logits);
    lane.stream.synchronize();
    return all;
  }

  std::string name() const override { return "captured graphs"; }

 private:
  // Queues the pictures [first, first + count), at most as many as the largest graph takes.
  static PassResults Launch(Lane& lane, const std::vector<torch::Tensor>& pictures,
                            std::int64_t first, std::int64_t count) {
    Captured& captured = lane.graphs.lower_bound(count)->second;
    for (std::int64_t i = 0; i < count; ++i) {
      captured.input.narrow(0, i, 1).copy_(pictures[static_cast<std::size_t>(first + i)],
                                           /*non_blocking=*/true);
    }
    captured.graph->replay();
    // The graph's results are overwritten by its next pass.
    PassResults results;
    if (captured.results.maps.defined()) {
      results.maps = captured.results.maps.narrow(0, 0, count).clone();
    }
    if (captured.results.logits.defined()) {
      const auto& logits = captured.results.logits;
      results.logits = at::empty({count, logits.size(1)},
                                 torch::TensorOptions(torch::kFloat32).pinned_memory(true));
      results.logits.copy_(logits.narrow(0, 0, count), /*non_blocking=*/true);
    }
    return results;
  }

  const torch::Device device_;
  std::array<std::unique_ptr<Lane>, kLanes> lanes_;
  std::atomic<std::size_t> next_{0};
  std::int64_t largest_ = 0;
};

}  // namespace

std::unique_ptr<PassRunner> CapturePass(const Pass& pass, std::int64_t max_batch,
                                        std::string* reason) {
  if (!pass.device.is_cuda()) {
    *reason = "the device is no CUDA device";
    return nullptr;
  }
  try {
    auto runner = std::make_unique<CapturedRunner>(pass.device);
    runner->Capture(pass, max_batch);
    return runner;
  } catch (const std::exception& error) {
    *reason = CauseOf(error);
    return nullptr;
  }
}

}  // namespace hepar
