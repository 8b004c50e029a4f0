// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The values of options as text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hepar {

// All of these throw Error(kInvalid), naming what was expected and what was given.

// A number in low..high, or a fraction such as 8/255.
double ParseNumber(const std::string& text, double low, double high);
int ParseInteger(const std::string& text, int low, int high);
// on, true, yes or 1; off, false, no or 0.
bool ParseBoolean(const std::string& text);
// The index of `text` among `choices`.
std::size_t IndexOf(const std::string& text, const std::vector<std::string>& choices);

// "30" for a whole number, else as many digits as it takes to read the same number back.
std::string ShortestText(double value);

// The parts of a text that are separated by commas; empty ones are left out.
std::vector<std::string> SplitList(const std::string& text);
// All values in one text, with `separator` between them.
std::string Join(const std::vector<std::string>& values, const std::string& separator);

// The candidate that `name` was probably meant to be, or "" when none is near.
std::string NearestName(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace hepar
