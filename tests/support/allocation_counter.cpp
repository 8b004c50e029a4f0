// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/allocation_counter.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>

namespace {

std::atomic<std::size_t> limit{std::numeric_limits<std::size_t>::max()};
std::atomic<int> large{0};

void Count(std::size_t bytes) {
  if (bytes >= limit.load(std::memory_order_relaxed)) ++large;
}

}  // namespace

// glibc's own functions, under the names for programs that replace them.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  Count(bytes);
  return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) {
  Count(count * bytes);
  return __libc_calloc(count, bytes);
}

void* realloc(void* memory, std::size_t bytes) {
  Count(bytes);
  return __libc_realloc(memory, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) {
  Count(bytes);
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  Count(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  Count(bytes);
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}

namespace hepar::testing {

LargeAllocations::LargeAllocations(std::size_t at_least) {
  large = 0;
  limit = at_least;
}
LargeAllocations::~LargeAllocations() { limit = std::numeric_limits<std::size_t>::max(); }
int LargeAllocations::count() const { return large; }

}  // namespace hepar::testing
