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

// A listed device may still not work (driver, memory), so it is tested.
bool CudaWorks(int index) {
  try {
    torch::zeros({1}, torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index)));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

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
  if (!CudaWorks(0)) {
    Log(LogLevel::kWarning,
        "device auto is cpu: cuda:0 is listed but cannot be used; check the "
        "driver and its free memory");
    return "cpu";
  }
  Log(LogLevel::kInfo, "device auto is cuda:0");
  return "cuda:0";
}

}  // namespace

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
  if (!CudaWorks(index)) {
    throw Error(ErrorKind::kUnsupported,
                "device '" + name +
                    "' is listed but cannot be used; check the driver and its free "
                    "memory, or choose cpu");
  }
  return "cuda:" + std::to_string(index);
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
