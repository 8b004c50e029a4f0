// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Names for values in options, bundles and messages: one table for both directions.
#pragma once

#include <cstddef>
#include <string>

#include "models/error.h"

namespace hepar {

template <typename T>
struct NamedValue {
  const char* name;
  T value;
};

// The value with this name. Throws Error(kInvalid), listing the names, when there is none. `what`
// describes the kind of name in that message.
template <typename T, std::size_t N>
T ValueOf(const NamedValue<T> (&table)[N], const std::string& name, const std::string& what) {
  std::string known;
  for (const auto& entry : table) {
    if (name == entry.name) return entry.value;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ErrorKind::kInvalid, "unknown " + what + " '" + name + "'; choose one of " + known);
}

template <typename T, std::size_t N>
std::string NameOf(const NamedValue<T> (&table)[N], T value) {
  for (const auto& entry : table) {
    if (value == entry.value) return entry.name;
  }
  return "unknown";
}

}  // namespace hepar
