// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/device.h"

#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include "models/error.h"
#include "models/log.h"

namespace hepar {
namespace {

constexpr char kChoices[] = "choose auto, cpu, cuda or cuda:N";

int ParseIndex(const std::string& name, const std::string& digits) {
  if (digits.empty() || digits.size() > 3 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(ErrorKind::kInvalid, "unknown device '" + name + "'; " + kChoices);
  }
  return std::stoi(digits);
}

// NVIDIA GPUs may round the factors of 32-bit convolutions and matrix products to TF32 (10 bits of
// mantissa), and LibTorch's default allows it for convolutions.
void UseFullFp32() {
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

std::string CudaName(int index) { return "cuda:" + std::to_string(index); }

int CudaDevices() {
  try {
    return torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

std::string AutomaticDevice(int cuda_devices) {
  if (cuda_devices == 0) {
    Log(LogLevel::kInfo, "device auto is cpu: LibTorch finds no CUDA device");
    return "cpu";
  }
  const std::string cause = WhyUnusable(CudaName(0));
  if (!cause.empty()) {
    Log(LogLevel::kWarning,
        "device auto is cpu: cuda:0 is listed but cannot be used (" + cause +
            "); check the driver, its free memory, and that this LibTorch supports the card");
    return "cpu";
  }
  Log(LogLevel::kInfo, "device auto is cuda:0");
  UseFullFp32();
  return CudaName(0);
}

}  // namespace

std::string WhyUnusable(const std::string& name) {
  try {
    const c10::InferenceMode inference;
    const torch::Device device(name);
    // Whole numbers, whose sums are exact in every order.
    const auto picture = torch::arange(64, torch::kFloat32).view({1, 1, 8, 8});
    const auto weight = torch::arange(9, torch::kFloat32).view({1, 1, 3, 3});
    const auto compute = [](const torch::Tensor& x, const torch::Tensor& w) {
      const auto rows = torch::conv2d(x, w).view({6, 6});
      return torch::matmul(w.view({3, 3}), rows.narrow(0, 0, 3));
    };
    const auto result = compute(picture.to(device), weight.to(device)).cpu();
    return result.equal(compute(picture, weight)) ? "" : "it computes wrong results";
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return text.substr(0, text.find('\n'));
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string ResolveDevice(const std::string& name) {
  if (name == "cpu") return name;
  const int devices = CudaDevices();
  if (name == "auto") return AutomaticDevice(devices);

  int index = 0;
  if (name.rfind("cuda:", 0) == 0) {
    index = ParseIndex(name, name.substr(5));
  } else if (name != "cuda") {
    throw Error(ErrorKind::kInvalid, "unknown device '" + name + "'; " + kChoices);
  }
  if (devices == 0) {
    throw Error(
        ErrorKind::kUnsupported,
        "device '" + name +
            "' is not available: this LibTorch (" TORCH_VERSION
            ") has no CUDA or finds no CUDA device; choose cpu, or build against a CUDA LibTorch "
            "with the Meson option libtorch");
  }
  if (index >= devices) {
    throw Error(ErrorKind::kUnsupported, "device '" + name + "' is not available: found " +
                                             std::to_string(devices) +
                                             " CUDA device(s), counted from 0");
  }
  const std::string cause = WhyUnusable(CudaName(index));
  if (!cause.empty()) {
    throw Error(ErrorKind::kUnsupported,
                "device '" + name + "' is listed but cannot be used (" + cause +
                    "); check the driver, its free memory, and that this LibTorch supports the "
                    "card, or choose cpu");
  }
  UseFullFp32();
  return CudaName(index);
}

bool CpuMultipliesBf16() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

void SetIntraOpThreads(int threads) {
  if (threads < 1 || threads > 256) {
    throw Error(ErrorKind::kInvalid,
                "number of threads: expected 1..256, got " + std::to_string(threads));
  }
  at::set_num_threads(threads);
}

}  // namespace hepar
