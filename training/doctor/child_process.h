// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hepar {

struct ChildResult {
  int status = -1;  // Exit status; -1 where a signal ended the program.
  std::string out;  // Standard output. Standard error is discarded.
};

// Runs a program that is looked for in PATH, and waits for it. Empty where it cannot be started.
std::optional<ChildResult> RunChild(const std::vector<std::string>& command);

}  // namespace hepar
