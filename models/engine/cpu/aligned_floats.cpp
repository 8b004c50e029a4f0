// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/aligned_floats.h"

#include <atomic>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace hepar::cpu {
namespace {

std::atomic<std::uint64_t> allocated{0};

}  // namespace

std::uint64_t AllocatedBytes() { return allocated; }

void FreeFloats::operator()(float* p) const { std::free(p); }

Floats AllocateFloats(std::size_t count) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t wanted = count * sizeof(float);
  const std::size_t alignment = wanted >= kHugePage ? kHugePage : 64;
  const std::size_t bytes = (wanted / alignment + 1) * alignment;
  void* memory = std::aligned_alloc(alignment, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  allocated += bytes;
#ifdef __linux__
  if (alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return Floats(static_cast<float*>(memory));
}

}  // namespace hepar::cpu
