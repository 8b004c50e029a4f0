// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// The type of the numbers that a network computes with.
enum class Precision { kFp32, kBf16, kFp16 };

// "fp32", "bf16", "fp16". Parse throws Error(kInvalid), listing them.
std::string ToString(Precision precision);
Precision ParsePrecision(const std::string& name);

}  // namespace hepar
