// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nettle/sha2.h>

#include <cstddef>
#include <string>

namespace hepar {

// SHA-256 of bytes that arrive in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256() { sha256_init(&context_); }

  void Add(const void* data, std::size_t size);

  // The digest, 64 lower-case hexadecimal digits, of what was added since construction or the last
  // call of Hex().
  std::string Hex();

 private:
  sha256_ctx context_;
};

}  // namespace hepar
