// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/sha256.h"

#include <array>
#include <cstdint>

namespace hepar {

void Sha256::Add(const void* data, std::size_t size) {
  sha256_update(&context_, size, static_cast<const std::uint8_t*>(data));
}

std::string Sha256::Hex() {
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest;
  sha256_digest(&context_, digest.size(), digest.data());

  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace hepar
