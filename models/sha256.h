// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nettle/sha2.h>

#include <cstddef>
#include <string>

namespace hepar {

// Incremental SHA-256. Not thread-safe.
class Sha256 {
 public:
  Sha256() { sha256_init(&context_); }

  void Add(const void* data, std::size_t size);

  // The digest of the bytes since construction or the last call, as 64 lowercase hexadecimal
  // digits.
  std::string Hex();

 private:
  sha256_ctx context_;
};

}  // namespace hepar
