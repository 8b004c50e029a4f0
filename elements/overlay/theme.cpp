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

}  // namespace hepar
