// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/markup.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "training/report/table.h"
#include "training/report/utf8.h"

namespace hepar {

std::string EscapeMarkup(std::string_view text) {
  std::string escaped;
  for (const char c : ValidUtf8(std::string(text))) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool control = (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7f;
        escaped += control ? std::string("\uFFFD") : std::string(1, c);
      }
    }
  }
  return escaped;
}

std::string NumberText(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  if (value == 0.0) return "0";
  // The half of the last digit may carry 9.9996 over to the next power.
  const double magnitude = std::abs(value) * (1.0 + 0.5 * std::pow(10.0, -digits));
  int exponent = static_cast<int>(std::floor(std::log10(magnitude)));
  const bool powers = exponent < -3 || exponent > 5;
  const double shown = powers ? value / std::pow(10.0, exponent) : value;
  std::string text = Fixed(shown, std::max(0, digits - 1 - (powers ? 0 : exponent)));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  if (text[0] == '-') text.replace(0, 1, "−");
  return powers ? text + PowerOfTenText(exponent) : text;
}

std::string PowerOfTenText(int exponent) {
  static const char* const kRaised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "×10⁻" : "×10";
  for (const char digit : std::to_string(std::abs(exponent))) text += kRaised[digit - '0'];
  return text;
}

}  // namespace hepar
