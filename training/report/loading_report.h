// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "training/data/load_summary.h"

namespace hepar {

// Two lines at most: how many files and pictures were taken, and what was skipped and why.
std::string LoadingText(const LoadSummary& summary);

// {"files", "pictures", "patients", "skipped": [{"reason", "count", "examples"}]}.
nlohmann::ordered_json LoadingToJson(const LoadSummary& summary);

// Writes LoadingText() to `text` and each warning, named by the verb, to standard error.
void ReportLoading(const std::string& verb, const LoadSummary& summary, std::ostream& text);

}  // namespace hepar
