// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/load_summary.h"

#include <algorithm>
#include <cstddef>

namespace hepar {
namespace {

constexpr std::size_t kMaxExamples = 3;

}  // namespace

void LoadSummary::Skip(const std::string& reason, const std::string& name) {
  auto found = std::find_if(skipped.begin(), skipped.end(),
                            [&](const Skipped& one) { return one.reason == reason; });
  if (found == skipped.end()) found = skipped.insert(skipped.end(), {reason, 0, {}});
  ++found->count;
  if (found->examples.size() < kMaxExamples) found->examples.push_back(name);
}

void LoadSummary::Warn(const std::string& line) {
  if (std::find(warnings.begin(), warnings.end(), line) == warnings.end()) {
    warnings.push_back(line);
  }
}

std::string SkippedText(const LoadSummary& summary) {
  int count = 0;
  std::string text;
  for (const LoadSummary::Skipped& one : summary.skipped) {
    count += one.count;
    text += (text.empty() ? "" : ", ") + std::to_string(one.count) + " " + one.reason + " (";
    for (std::size_t i = 0; i < one.examples.size(); ++i) {
      text += (i > 0 ? ", " : "") + one.examples[i];
    }
    text += static_cast<std::size_t>(one.count) > one.examples.size() ? ", ...)" : ")";
  }
  if (count == 0) return "";
  return std::to_string(count) + (count == 1 ? " entry" : " entries") + " skipped: " + text;
}

}  // namespace hepar
