// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/saliency/color_map.h"

#include <algorithm>
#include <array>

namespace hepar {

std::uint32_t MapColor(std::uint8_t value) {
  // Evenly spaced along a path through color space with increasing lightness.
  constexpr std::array<std::array<int, 3>, 5> kStops = {
      {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}};
  constexpr int kSegments = static_cast<int>(kStops.size()) - 1;
  const int place = value * kSegments;
  const int segment = std::min(place / 255, kSegments - 1);
  const int rest = place - segment * 255;
  std::uint32_t rgb = 0;
  for (int channel = 0; channel < 3; ++channel) {
    const int from = kStops[segment][channel];
    const int to = kStops[segment + 1][channel];
    rgb = rgb << 8 | static_cast<std::uint32_t>((from * (255 - rest) + to * rest + 127) / 255);
  }
  return rgb;
}

}  // namespace hepar
