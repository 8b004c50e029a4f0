// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace hepar::testing {

// Counts the allocations of at least `at_least` bytes by the whole program during the lifetime of
// the object: by malloc() and related functions, and so by operator new and LibTorch. One object at
// a time. Linking this file replaces the program's allocator by one that counts.
class LargeAllocations {
 public:
  explicit LargeAllocations(std::size_t at_least);
  ~LargeAllocations();
  int count() const;
};

}  // namespace hepar::testing
