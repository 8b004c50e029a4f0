// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/report/html_report.h"

namespace hepar {

// The metrics of one part of the data, "validation" or "test", as markup.
class PartSection {
 public:
  // `report` must outlive this.
  PartSection(const TrainingReport& report, const std::string& part);

  bool is_there() const { return figures_ != nullptr && figures_->is_object(); }

  // Tables of all metrics.
  std::string Figures() const;
  std::string Matrices() const;
  // The metrics that a reader looks for first.
  std::string Tiles() const;

 private:
  int Classes() const { return static_cast<int>(classes_.size()); }
  std::string Tests() const;

  const std::vector<std::string>& classes_;
  std::string part_;
  const nlohmann::ordered_json* figures_;
};

}  // namespace hepar
