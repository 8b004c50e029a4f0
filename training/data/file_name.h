// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cctype>
#include <filesystem>
#include <string>

namespace hepar {

// The extension of a file's name in lower case, with its dot; "" without one.
inline std::string ExtensionOf(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

}  // namespace hepar
