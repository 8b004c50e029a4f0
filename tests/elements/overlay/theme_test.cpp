// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/theme.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

namespace hepar {
namespace {

constexpr OverlayTheme kThemes[] = {OverlayTheme::kDark, OverlayTheme::kLight,
                                    OverlayTheme::kHighContrast};

// BT.709 luma, 0..255.
double Luma(std::uint32_t rgb) {
  return 0.2126 * ((rgb >> 16) & 255) + 0.7152 * ((rgb >> 8) & 255) + 0.0722 * (rgb & 255);
}

TEST(ThemeTest, GradesStayApartInGray) {
  for (const OverlayTheme theme : kThemes) {
    for (int a = 0; a < 4; ++a) {
      for (int b = 0; b < a; ++b) {
        const double distance = Luma(GradeColor(theme, a, 4)) - Luma(GradeColor(theme, b, 4));
        EXPECT_GT(std::abs(distance), 24) << a << " and " << b;
      }
    }
  }
}

TEST(ThemeTest, FewerGradesSpanTheSameColors) {
  EXPECT_EQ(GradeColor(OverlayTheme::kDark, 1, 2), GradeColor(OverlayTheme::kDark, 3, 4));
  EXPECT_EQ(GradeColor(OverlayTheme::kDark, 0, 1), GradeColor(OverlayTheme::kDark, 0, 4));
  EXPECT_EQ(GradeColor(OverlayTheme::kDark, 7, 4), GradeColor(OverlayTheme::kDark, 3, 4));
}

}  // namespace
}  // namespace hepar
