// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

namespace hepar {

// A row of the paper's tables 1 and 2, in percent. Its data are private, and its classes and their
// numbers other ones: the rows are there to be read beside ours, not to be met.
struct PaperRow {
  const char* method;  // "SqueezeNet", "SqueezeNet+ICFDNet", ...
  double mild, moderate, severe, normal;
  double average;  // Pooled accuracy.

  double BestWorst() const;
};

// The row of a method, by the paper's name.
std::optional<PaperRow> FindPaperRow(const std::string& method);

}  // namespace hepar
