// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// What is wrong with a MAT file, or "" if nothing is: whether its elements (level 5) end where the
// file does, compressed ones are sound, every array has the bytes that its size promises, and what
// all of it takes when it is read is bounded. matio believes what a file says of itself: it fills
// up what is missing with anything, takes gigabytes for a few kilobytes, and damage may end the
// program in it. Level 4 and unknown files are left to matio. Only the variable `variable` is
// looked into. Not thread-safe, as HDF5 is not.
std::string FaultOfMatFile(const std::string& path, const std::string& variable);

}  // namespace hepar
