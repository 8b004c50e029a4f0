// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector_rule.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "models/error.h"

namespace hepar {

SectorRule SectorRule::Parse(const std::string& text) {
  SectorRule rule;
  if (text == "auto") return rule;
  if (text == "full") {
    rule.kind = Kind::kFull;
    return rule;
  }
  // Larger than any frame, and far from overflow.
  constexpr int kMaxCoordinate = 65535;
  std::array<int, 4> numbers = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  bool valid = true;
  for (std::size_t i = 0; i < numbers.size() && valid; ++i) {
    if (i > 0) valid = at != end && *at++ == ',';
    if (!valid) break;
    const auto [stop, error] = std::from_chars(at, end, numbers[i]);
    valid = error == std::errc() && numbers[i] >= (i < 2 ? 0 : 1) && numbers[i] <= kMaxCoordinate;
    at = stop;
  }
  if (!valid || at != end) {
    throw Error(ErrorKind::kInvalid,
                "sector \"" + text +
                    "\" is none of \"auto\", \"full\" and \"x,y,w,h\" in pixels (w and h above 0)");
  }
  rule.kind = Kind::kFixed;
  rule.fixed = cv::Rect(numbers[0], numbers[1], numbers[2], numbers[3]);
  return rule;
}

std::string SectorRule::ToString() const {
  switch (kind) {
    case Kind::kAuto:
      return "auto";
    case Kind::kFull:
      return "full";
    case Kind::kFixed:
      break;
  }
  return std::to_string(fixed.x) + "," + std::to_string(fixed.y) + "," +
         std::to_string(fixed.width) + "," + std::to_string(fixed.height);
}

}  // namespace hepar
