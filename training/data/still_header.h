// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hepar {

struct StillSize {
  std::uint64_t width = 0, height = 0;
};

// The size that the header of a PNG, JPEG, JPEG 2000, BMP, PNM or WebP file gives, without decoding
// it. None where the header is not understood; the decoder then says why. TIFF files have pages
// (training/data/tiff_pages.h).
std::optional<StillSize> SizeInHeader(std::string_view file);

}  // namespace hepar
