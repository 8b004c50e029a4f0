// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// Rows of text as aligned columns: the first to the left, the others to the right. The
// first row is the header, with a line under it. Rows may have different lengths.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// "76.67" for 0.7667, "-" for NaN.
std::string Percent(double fraction);

// `value` with `digits` after the decimal point; "-" for NaN.
std::string Fixed(double value, int digits);

}  // namespace hepar
