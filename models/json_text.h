// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/error.h"

namespace hepar {

// No JSON that this project writes is nested a quarter as deep.
inline constexpr int kMaxJsonDepth = 64;

// Parses JSON that may come from a stranger. The library writes out values by recursion, so that
// deep nesting would end the process later. Throws Error(kDamaged) for nesting deeper than
// kMaxJsonDepth, nlohmann::json::exception for text that is no JSON.
template <typename Json = nlohmann::json>
Json ParseJson(const std::string& text) {
  return Json::parse(text, [](int depth, typename Json::parse_event_t, Json&) {
    if (depth > kMaxJsonDepth) throw Error(ErrorKind::kDamaged, "JSON that is nested too deeply");
    return true;
  });
}

}  // namespace hepar
