// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// Resolves a device name: "auto" (the first CUDA device if LibTorch has one that works, otherwise
// the CPU; logged), "cpu", "cuda" (same as "cuda:0") or "cuda:N". Returns "cpu" or "cuda:N". Throws
// Error(kInvalid) for other names and Error(kUnsupported) where this LibTorch has no CUDA or no
// such device, or one that does not work (WhyUnusable()). A CUDA device turns TF32 off for the
// process, so that fp32 is fp32. Thread-safe.
std::string ResolveDevice(const std::string& name);

// Why a device of LibTorch cannot be used; empty where it computes a small convolution and a matrix
// product as the CPU does. A listed device may fail by its driver, its memory, or because LibTorch
// was built for other cards.
std::string WhyUnusable(const std::string& name);

// Whether oneDNN supports bf16 on this CPU (AVX-512). On others LibTorch emulates bf16, slowly.
bool CpuMultipliesBf16();

// Sets the number of threads that LibTorch uses in one operator, for the whole process. One is best
// on small machines and for several streams: two spinning OpenMP pools on two cores are 10 to 30
// times slower than one thread. Call before the first forward pass.
void SetIntraOpThreads(int threads);

}  // namespace hepar
