// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace hepar {

// The color map of feature views and saliency maps, as 0xRRGGBB: from dark violet to yellow, with
// increasing lightness, so that it can be read in gray and by color-blind people.
std::uint32_t MapColor(std::uint8_t value);

// How opaque a value of a map is that lies over a scan, of 255. The scan stays readable under the
// highest one.
constexpr std::uint32_t MapOpacity(std::uint8_t value) { return 160u * value / 255u; }

}  // namespace hepar
