// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/patient_id.h"

#include <glib.h>

#include <cctype>
#include <cstddef>
#include <map>

namespace hepar {
namespace {

bool IsUtf8(const std::string& text) {
  return g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) != FALSE;
}

bool IsBlank(gunichar letter) {
  return g_unichar_isspace(letter) != FALSE || g_unichar_iscntrl(letter) != FALSE ||
         g_unichar_iszerowidth(letter) != FALSE;
}

std::string TrimmedBytes(const std::string& text) {
  std::size_t begin = 0, end = text.size();
  const auto is_blank = [&](std::size_t i) {
    return std::isspace(static_cast<unsigned char>(text[i])) != 0;
  };
  while (begin < end && is_blank(begin)) ++begin;
  while (end > begin && is_blank(end - 1)) --end;
  return text.substr(begin, end - begin);
}

// What ids that are likely one have in common.
std::string KeyOf(const std::string& id) {
  std::string folded = id;
  if (IsUtf8(id)) {
    g_autofree gchar* normal =
        g_utf8_normalize(id.data(), static_cast<gssize>(id.size()), G_NORMALIZE_ALL_COMPOSE);
    g_autofree gchar* lower = g_utf8_casefold(normal, -1);
    folded = lower;
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string key;
  for (std::size_t i = 0; i < folded.size(); ++i) {
    const bool begins_number = is_digit(folded[i]) && (key.empty() || !is_digit(key.back()));
    const bool goes_on = i + 1 < folded.size() && is_digit(folded[i + 1]);
    if (begins_number && folded[i] == '0' && goes_on) continue;
    key += folded[i];
  }
  return key;
}

}  // namespace

std::string Trimmed(const std::string& text) {
  if (!IsUtf8(text)) return TrimmedBytes(text);
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin < end && IsBlank(g_utf8_get_char(begin))) begin = g_utf8_next_char(begin);
  while (end > begin) {
    const char* last = g_utf8_prev_char(end);
    // A mark of its own belongs to the letter before it only where it shows.
    if (!IsBlank(g_utf8_get_char(last)) || g_unichar_ismark(g_utf8_get_char(last)) != FALSE) break;
    end = last;
  }
  return {begin, end};
}

std::vector<std::string> AlikeIds(const std::set<std::string>& ids) {
  std::vector<std::string> lines;
  std::map<std::string, std::string> first_of;
  for (const std::string& id : ids) {
    const auto [first, is_new] = first_of.emplace(KeyOf(id), id);
    if (is_new) continue;
    lines.push_back(
        "patients '" + first->second + "' and '" + id +
        "' differ only by case, leading zeros or Unicode form; if they are one patient, "
        "give them one id");
  }
  return lines;
}

}  // namespace hepar
