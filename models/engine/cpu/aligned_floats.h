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

// Memory that is not initialised, aligned to 64 bytes at least. Large pieces ask for huge pages:
// a frame touches all of its workspace, and small pages would need thousands of translations.
Floats AllocateFloats(std::size_t count);

// Bytes that AllocateFloats() has taken since the program began, given back or not.
std::uint64_t AllocatedBytes();

}  // namespace hepar::cpu
