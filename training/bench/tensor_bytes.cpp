// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/bench/tensor_bytes.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <memory>

#include "models/engine/cpu/aligned_floats.h"

namespace hepar {
namespace {

// Counts what this thread allocates through LibTorch while this object is installed.
class TensorBytes : public c10::MemoryReportingInfoBase {
 public:
  // One of these is LibTorch's function, by release: the totals changed their type.
  void reportMemoryUsage(void* /*memory*/, int64_t size, int64_t /*allocated*/,
                         int64_t /*reserved*/, c10::Device /*device*/) {
    if (size > 0) bytes += size;
  }
  void reportMemoryUsage(void* /*memory*/, int64_t size, size_t /*allocated*/, size_t /*reserved*/,
                         c10::Device /*device*/) {
    if (size > 0) bytes += size;
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t bytes = 0;
};

}  // namespace

std::int64_t TensorBytesOf(const std::function<void()>& run) {
  const auto counter = std::make_shared<TensorBytes>();
  const auto before = cpu::AllocatedBytes();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
    run();
  }
  return counter->bytes + static_cast<std::int64_t>(cpu::AllocatedBytes() - before);
}

}  // namespace hepar
