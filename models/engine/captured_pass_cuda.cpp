// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a LibTorch with CUDA. Needs the CUDA headers.
#include <torch/version.h>

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <mutex>
#include <utility>

#include "models/engine/captured_pass.h"
#include "models/log.h"

namespace hepar {
namespace {

// LibTorch and cuDNN choose algorithms and allocate workspaces in the first passes, which is not
// allowed during capture.
constexpr int kPassesBefore = 3;

class CudaGraphPass : public CapturedPass {
 public:
  CudaGraphPass(const Pass& pass, const torch::Tensor& example) : input_(example.clone()) {
    const c10::cuda::CUDAGuard device(example.device());
    // The default stream cannot be captured; its pending work must be finished before.
    const auto stream = c10::cuda::getStreamFromPool();
    c10::cuda::getCurrentCUDAStream().synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream);
    for (int i = 0; i < kPassesBefore; ++i) pass(input_);
    stream.synchronize();
#if TORCH_VERSION_MAJOR >= 2
    // Calls of other threads do not invalidate the capture.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
#else
    graph_.capture_begin();
#endif
    try {
      results_ = pass(input_);
    } catch (...) {
      // Otherwise the stream would stay in capture mode, and nothing would run on it.
      try {
        graph_.capture_end();
      } catch (const std::exception&) {
        // The first exception has the cause.
      }
      throw;
    }
    graph_.capture_end();
  }

  // All on the caller's stream, so that the steps are ordered.
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
