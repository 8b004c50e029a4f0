// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

namespace hepar {

// `text` without white space (of Unicode, where it is UTF-8) and invisible marks at its ends: what
// a spreadsheet shows alike is one id.
std::string Trimmed(const std::string& text);

// A line for each two ids that differ only by case, by zeros before a number or by the Unicode form
// of their letters, and are likely one patient.
std::vector<std::string> AlikeIds(const std::set<std::string>& ids);

}  // namespace hepar
