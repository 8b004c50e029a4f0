// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>

namespace hepar {

// Receives one line about a file that can be read but is not as it should be. The line names the
// file. Readers call it on the thread that called them; an empty function drops the line.
using Warn = std::function<void(const std::string& line)>;

}  // namespace hepar
