// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// `text` of a file that is not trusted, fit for a message of one line: bytes outside printable
// ASCII become '?', and what is longer than 80 bytes is cut.
inline std::string Printable(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string shown(text.substr(0, kLongest));
  for (char& byte : shown) {
    if (byte < ' ' || byte > '~') byte = '?';
  }
  if (text.size() > kLongest) shown += "...";
  return shown;
}

}  // namespace hepar
