// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/failing_allocation.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

thread_local int fails_in = 0;  // 0: no allocation fails.

}  // namespace

// What the other forms of new and delete call.
void* operator new(std::size_t bytes) {
  if (fails_in > 0 && --fails_in == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace hepar::testing {

FailingAllocation::FailingAllocation(int number) { fails_in = number; }
FailingAllocation::~FailingAllocation() { fails_in = 0; }
bool FailingAllocation::came() const { return fails_in == 0; }

}  // namespace hepar::testing
