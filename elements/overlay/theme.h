// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>

namespace hepar {

enum class OverlayTheme { kDark, kLight, kHighContrast };

// Red, green, blue and opacity in [0,1].
struct Color {
  double red, green, blue, alpha;
};

// `rgb` is 0xRRGGBB.
constexpr Color Rgb(std::uint32_t rgb, double alpha = 1.0) {
  return {((rgb >> 16) & 255) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0, alpha};
}

// The colors of the panel.
struct Theme {
  Color background;
  Color outline;
  Color text;
  Color muted;                          // Text of less importance.
  Color track;                          // The empty part of a bar.
  double dimmed;                        // Opacity of the bars of the classes that do not lead.
  std::array<std::uint32_t, 4> grades;  // 0xRRGGBB, from normal to severe.
};

const Theme& ThemeOf(OverlayTheme theme);

// The color of grade `grade` of `grade_count` in a theme, as 0xRRGGBB: blue, yellow, orange, red.
// The colors differ in lightness, so that they can be told apart in gray and by color-blind people.
std::uint32_t GradeColor(OverlayTheme theme, int grade, int grade_count);

}  // namespace hepar
