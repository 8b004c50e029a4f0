// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/theme.h"

#include <algorithm>
#include <cmath>

namespace hepar {

const Theme& ThemeOf(OverlayTheme theme) {
  static const Theme kDark = {Rgb(0x10151a, 0.82),
                              Rgb(0xffffff, 0.14),
                              Rgb(0xf2f5f7),
                              Rgb(0xa9b4bd),
                              Rgb(0xffffff, 0.12),
                              0.55,
                              {0x5bbdf5, 0xf0e442, 0xe08000, 0xdd4a1a}};
  static const Theme kLight = {Rgb(0xf7f9fa, 0.93),
                               Rgb(0x000000, 0.22),
                               Rgb(0x12181d),
                               Rgb(0x4c5963),
                               Rgb(0x000000, 0.11),
                               0.50,
                               {0x00629e, 0xb08d00, 0xd05c00, 0x8b0a50}};
  static const Theme kHighContrast = {Rgb(0x000000),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff),
                                      Rgb(0xffffff, 0.28),
                                      0.75,
                                      {0x5cc8ff, 0xfff000, 0xff8c00, 0xff4a30}};
  switch (theme) {
    case OverlayTheme::kLight:
      return kLight;
    case OverlayTheme::kHighContrast:
      return kHighContrast;
    case OverlayTheme::kDark:
      break;
  }
  return kDark;
}

std::uint32_t GradeColor(OverlayTheme theme, int grade, int grade_count) {
  const auto& grades = ThemeOf(theme).grades;
  const int last = static_cast<int>(grades.size()) - 1;
  if (grade_count <= 1) return grades[0];
  const double place = static_cast<double>(grade) / (grade_count - 1);
  return grades[std::clamp(static_cast<int>(std::lround(place * last)), 0, last)];
}

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
