// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// Resolves a device name to the one really used: "auto" (the first CUDA device where LibTorch has
// one that works, else the CPU), "cpu", "cuda" (same as "cuda:0") or "cuda:N". Returns "cpu" or
// "cuda:N". Throws Error(kInvalid) for other names and Error(kUnsupported) where this LibTorch has
// no CUDA or no such device, saying what there is. Thread-safe.
std::string ResolveDevice(const std::string& name);

// Whether oneDNN computes with bf16 numbers on this CPU (AVX-512); elsewhere bf16 runs, slowly, for
// the numbers' sake.
bool CpuMultipliesBf16();

// Number of threads that LibTorch uses inside one operator, process-wide. One is the right number
// on small machines and for several streams: two spinning OpenMP pools on two cores are 10-30 times
// slower than one thread. Call before the first forward pass.
void SetIntraOpThreads(int threads);

}  // namespace hepar
