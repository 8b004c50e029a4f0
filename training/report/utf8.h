// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hepar {

// `text` with U+FFFD for each byte that is no UTF-8. Names of files are bytes of any kind; reports
// are UTF-8.
std::string ValidUtf8(const std::string& text);

// JSON text of `value`, whatever bytes its strings hold. `indent` -1: on one line.
std::string JsonText(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace hepar
