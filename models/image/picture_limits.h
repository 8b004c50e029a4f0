// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>

#include "models/error.h"

namespace hepar {

// The largest side of a picture, pixels: what Preprocessor takes. Files that say more of themselves
// are refused before anything is decoded, because a few kilobytes can ask for gigabytes.
constexpr int kMaxPictureSide = 4096;

// Throws Error(kDamaged), naming the file.
inline void CheckPictureSize(const std::string& path, std::uint64_t width, std::uint64_t height) {
  if (width <= kMaxPictureSide && height <= kMaxPictureSide) return;
  throw Error(ErrorKind::kDamaged, path + ": is a picture of " + std::to_string(width) + "x" +
                                       std::to_string(height) + " pixels, expected up to " +
                                       std::to_string(kMaxPictureSide) + " a side");
}

}  // namespace hepar
