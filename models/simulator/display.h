// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "models/simulator/grid.h"
#include "models/simulator/scanner.h"

namespace hepar {

// Power to decibels by table on the leading bits of a float: 0.07 dB steps, a tenth of std::log10's
// cost.
class DecibelTable {
 public:
  DecibelTable() : table_(1U << (31 - kShift)) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const std::uint32_t bits = (static_cast<std::uint32_t>(i) << kShift) + (1U << (kShift - 1));
      float power;
      std::memcpy(&power, &bits, sizeof(power));
      table_[i] = std::isfinite(power) ? static_cast<float>(10.0 * std::log10(power)) : 400.0F;
    }
  }
  float operator()(float power) const {
    std::uint32_t bits;
    std::memcpy(&bits, &power, sizeof(bits));
    return table_[bits >> kShift];
  }

 private:
  static constexpr int kShift = 17;
  std::vector<float> table_;
};

// Time gain of the operator at a share of the depth of view; eased from knob to knob.
inline double KnobsDb(const Scanner& scanner, double share_of_depth) {
  constexpr int kLast = Scanner::kTimeGainKnobs - 1;
  const double at = share_of_depth * kLast;
  const int knob = std::min(static_cast<int>(at), kLast - 1);
  const double low = scanner.knobs_db[static_cast<std::size_t>(knob)];
  const double high = scanner.knobs_db[static_cast<std::size_t>(knob) + 1];
  return low + (high - low) * SmoothStep(0.0, 1.0, at - knob);
}

// Gray levels of decibels, before the filters of the display.
class GrayScale {
 public:
  explicit GrayScale(const Scanner& scanner)
      : black_db_(static_cast<float>(kWhiteDb - scanner.dynamic_range_db)),
        per_db_(static_cast<float>(255.0 / scanner.dynamic_range_db)),
        is_straight_(scanner.bend == 0.0 && scanner.pedestal == 0.0) {
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      const double bent = std::pow(static_cast<double>(i) / static_cast<double>(levels_.size() - 1),
                                   std::exp(scanner.bend));
      levels_[i] = static_cast<float>(255.0 * (scanner.pedestal + (1.0 - scanner.pedestal) * bent));
    }
  }
  float operator()(float db) const {
    const float gray = std::clamp((db - black_db_) * per_db_, 0.0F, 255.0F);
    return is_straight_ ? gray : levels_[static_cast<std::size_t>(gray * 4.0F)];
  }

 private:
  float black_db_;
  float per_db_;
  bool is_straight_;
  std::array<float, 1021> levels_ = {};  // Steps of a quarter of a gray level.
};

}  // namespace hepar
