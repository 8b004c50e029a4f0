// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace hepar::cpu {

struct FreeFloats {
  void operator()(float* p) const;
};
using Floats = std::unique_ptr<float[], FreeFloats>;

// Allocates uninitialized memory, aligned to at least 64 bytes. Large blocks request huge pages: a
// frame touches its whole workspace, and small pages would cause thousands of TLB misses.
Floats AllocateFloats(std::size_t count);

// Bytes that AllocateFloats() has allocated since the program started, including freed ones.
std::uint64_t AllocatedBytes();

}  // namespace hepar::cpu
