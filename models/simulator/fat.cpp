// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <array>
#include <cstddef>

#include "models/simulator/scan_simulator.h"

namespace hepar {
namespace {
// Where the grades begin, % fat, and where the last one ends.
constexpr std::array<double, 5> kGradeBegins = {0.0, 5.0, 33.0, 66.0, 100.0};
}  // namespace

int GradeOfFat(double fat_percent) {
  if (fat_percent < kGradeBegins[1]) return 0;
  return fat_percent > kGradeBegins[3] ? 3 : fat_percent > kGradeBegins[2] ? 2 : 1;
}

double FatOfSeverity(double severity) {
  const double within = std::clamp(severity, 0.0, 4.0);
  const auto grade = static_cast<std::size_t>(std::min(within, 3.0));
  return kGradeBegins[grade] +
         (within - static_cast<double>(grade)) * (kGradeBegins[grade + 1] - kGradeBegins[grade]);
}

double SeverityOfFat(double fat_percent) {
  const auto grade = static_cast<std::size_t>(GradeOfFat(fat_percent));
  return static_cast<double>(grade) +
         (fat_percent - kGradeBegins[grade]) / (kGradeBegins[grade + 1] - kGradeBegins[grade]);
}

}  // namespace hepar
