// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// Rows of text as columns of one width each: the first to the left, the others to the right. The
// first row is the head, and a line is drawn under it. Rows may be of different length.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// "76.67" for 0.7667, "-" for NaN.
std::string Percent(double fraction);

// `value` with `digits` behind the point; "-" for NaN.
std::string Fixed(double value, int digits);

}  // namespace hepar
