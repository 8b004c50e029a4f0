// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/latency_meter.h"

#include <algorithm>

namespace hepar {
namespace {

// Smaller changes do not justify that the pipeline recomputes its latency.
constexpr std::uint64_t kSmallestChange = 500'000;  // ns

}  // namespace

void LatencyMeter::Seed(std::uint64_t ns) {
  Reset();
  announced_ = ns;
}

bool LatencyMeter::Add(std::uint64_t ns) {
  window_[count_++] = ns;
  if (count_ < kWindow) return false;
  count_ = 0;

  auto p90 = window_.begin() + kWindow * 9 / 10;
  std::nth_element(window_.begin(), p90, window_.end());
  const std::uint64_t old = announced_;
  const std::uint64_t change = *p90 > old ? *p90 - old : old - *p90;
  if (change < std::max(kSmallestChange, old / 4)) return false;
  announced_ = *p90;
  return true;
}

void LatencyMeter::Reset() {
  count_ = 0;
  announced_ = 0;
}

}  // namespace hepar
