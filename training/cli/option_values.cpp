// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/option_values.h"

#include <glib.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "training/cli/exit_codes.h"

namespace hepar {
namespace {

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

double ParseNumber(const std::string& text, double low, double high) {
  char* end = nullptr;
  double value = g_ascii_strtod(text.c_str(), &end);
  if (*end == '/' && end != text.c_str() && end[1] != '\0') {
    value /= g_ascii_strtod(end + 1, &end);
  }
  if (text.empty() || *end != '\0' || !(value >= low && value <= high)) {
    throw UsageError("expected a number in " + ShortestText(low) + ".." + ShortestText(high) +
                     ", got '" + text + "'");
  }
  return value;
}

int ParseInteger(const std::string& text, int low, int high) {
  gint64 value = 0;
  if (!g_ascii_string_to_signed(text.c_str(), 10, low, high, &value, nullptr)) {
    throw UsageError("expected an integer in " + std::to_string(low) + ".." + std::to_string(high) +
                     ", got '" + text + "'");
  }
  return static_cast<int>(value);
}

bool ParseBoolean(const std::string& text) {
  for (const char* yes : {"on", "true", "yes", "1"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"off", "false", "no", "0"}) {
    if (text == no) return false;
  }
  throw UsageError("expected on or off, got '" + text + "'");
}

std::size_t IndexOf(const std::string& text, const std::vector<std::string>& choices) {
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found == choices.end()) {
    throw UsageError("unknown value '" + text + "'; choose one of " + Join(choices, ", "));
  }
  return static_cast<std::size_t>(found - choices.begin());
}

std::string ShortestText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e9) {
    return std::to_string(static_cast<long>(value));
  }
  return nlohmann::json(value).dump();
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::string Join(const std::vector<std::string>& values, const std::string& separator) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + value;
  return text;
}

std::string NearestName(const std::string& name, const std::vector<std::string>& candidates) {
  std::string nearest;
  if (name.empty()) return nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  constexpr std::size_t kStem = 4;  // Letters by which another form of a word is recognized.
  for (const auto& candidate : candidates) {
    const bool other_form =
        candidate.size() >= kStem && name.compare(0, candidate.size(), candidate) == 0;
    const std::size_t distance = other_form ? 1 : EditDistance(name, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace hepar
