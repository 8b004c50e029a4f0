// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/loading_report.h"

#include <cstddef>
#include <iostream>

namespace hepar {
namespace {

// Of the warnings of a data set on a terminal; reports have all.
constexpr std::size_t kMaxShown = 20;

}  // namespace

std::string LoadingText(const LoadSummary& summary) {
  std::string text = "data:       " + std::to_string(summary.pictures) + " pictures of " +
                     std::to_string(summary.files) + " files and " +
                     std::to_string(summary.patients) + " patients\n";
  const std::string skipped = SkippedText(summary);
  if (!skipped.empty()) text += "            " + skipped + "\n";
  return text;
}

nlohmann::ordered_json LoadingToJson(const LoadSummary& summary) {
  nlohmann::ordered_json skipped = nlohmann::ordered_json::array();
  for (const LoadSummary::Skipped& one : summary.skipped) {
    skipped.push_back({{"reason", one.reason}, {"count", one.count}, {"examples", one.examples}});
  }
  return {{"files", summary.files},
          {"pictures", summary.pictures},
          {"patients", summary.patients},
          {"skipped", skipped}};
}

void ReportLoading(const std::string& verb, const LoadSummary& summary, std::ostream& text) {
  text << LoadingText(summary) << std::flush;
  for (std::size_t i = 0; i < summary.warnings.size() && i < kMaxShown; ++i) {
    std::cerr << "hepar " << verb << ": warning: " << summary.warnings[i] << "\n";
  }
  if (summary.warnings.size() > kMaxShown) {
    std::cerr << "hepar " << verb << ": warning: " << summary.warnings.size() - kMaxShown
              << " more warnings of the data are in the report\n";
  }
}

}  // namespace hepar
