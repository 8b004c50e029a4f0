// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// One result, ready to be sent.
struct ResultLine {
  std::string text;   // One JSON object without a line feed (docs/publish.md).
  std::string state;  // Label and state of the result. Equal to that of the line before: no change.
};

}  // namespace hepar
