// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace hepar::testing {

// Pieces of memory of `at_least` bytes or more that the whole program took from malloc() and its
// relatives, operator new and LibTorch among them, while this object lived. One at a time. Programs
// that link this file have their allocator replaced by one that counts.
class LargeAllocations {
 public:
  explicit LargeAllocations(std::size_t at_least);
  ~LargeAllocations();
  int count() const;
};

}  // namespace hepar::testing
