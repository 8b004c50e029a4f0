// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a LibTorch with CUDA; needs CUDA's own headers.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <mutex>
#include <utility>

#include "models/engine/captured_pass.h"
#include "models/log.h"

namespace hepar {
namespace {

// LibTorch and cuDNN choose algorithms and take workspaces in the first passes, which a capture
// does not allow.
constexpr int kPassesBefore = 3;

class CudaGraphPass : public CapturedPass {
 public:
  CudaGraphPass(const Pass& pass, const torch::Tensor& example) : input_(example.clone()) {
    const c10::cuda::CUDAGuard device(example.device());
    // The default stream cannot be captured, and must not have work left that the others read.
    const auto stream = c10::cuda::getStreamFromPool();
    c10::cuda::getCurrentCUDAStream().synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream);
    for (int i = 0; i < kPassesBefore; ++i) pass(input_);
    stream.synchronize();
#if TORCH_VERSION_MAJOR >= 2
    // What other threads do on the device meanwhile does not spoil the capture.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
#else
    graph_.capture_begin();
#endif
    try {
      results_ = pass(input_);
    } catch (...) {
      // Else the stream stays in capture, and nothing on it would run any more.
      try {
        graph_.capture_end();
      } catch (const std::exception&) {
        // The reason of the first exception is the better one.
      }
      throw;
    }
    graph_.capture_end();
  }

  // All on the caller's stream, so that each step waits for the one before it.
  std::vector<torch::Tensor> operator()(const torch::Tensor& input) override {
    const c10::cuda::CUDAGuard device(input_.device());
    const std::lock_guard<std::mutex> lock(mutex_);
    input_.copy_(input);
    graph_.replay();
    std::vector<torch::Tensor> results;
    for (const auto& result : results_) results.push_back(result.clone());
    return results;
  }

 private:
  std::mutex mutex_;  // The graph has one input and one set of results.
  torch::Tensor input_;
  std::vector<torch::Tensor> results_;
  at::cuda::CUDAGraph graph_;
};

void LogRefusal(const std::string& name, const std::string& reason) {
  Log(LogLevel::kWarning, name + " cannot be captured as a CUDA graph and runs operator by " +
                              "operator, which is slower: " + reason);
}

}  // namespace

std::unique_ptr<CapturedPass> Capture(const std::string& name, const Pass& pass,
                                      const torch::Tensor& example) {
  if (!example.is_cuda()) return nullptr;
  try {
    return std::make_unique<CudaGraphPass>(pass, example);
  } catch (const c10::Error& error) {
    LogRefusal(name, error.what_without_backtrace());
  } catch (const std::exception& error) {
    LogRefusal(name, error.what());
  }
  return nullptr;
}

}  // namespace hepar
