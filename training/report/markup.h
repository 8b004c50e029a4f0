// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// `text` (UTF-8) as content or quoted attribute of HTML, SVG and XML alike: the five characters
// that mean something there become entities, and control characters, which XML has no form for,
// the replacement character.
std::string EscapeMarkup(std::string_view text);

// A number as people write it, with up to `digits` significant ones: "0.0312", "2.5×10⁻⁵"; "–" for
// values that are not finite.
std::string NumberText(double value, int digits = 4);

// "×10⁻⁵" for -5.
std::string PowerOfTenText(int exponent);

}  // namespace hepar
