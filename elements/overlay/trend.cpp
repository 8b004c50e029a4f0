// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/trend.h"

#include <algorithm>
#include <cmath>

namespace hepar {

bool TrendPoint::operator==(const TrendPoint& other) const {
  return tick == other.tick && level == other.level && grade == other.grade;
}

void OverlayTrend::Add(double seconds, const std::optional<double>& level, int grade) {
  TrendPoint point;
  point.tick = static_cast<std::int64_t>(std::floor(seconds * kTicksPerSecond));
  point.level = level ? static_cast<int>(std::lround(std::clamp(*level, 0.0, 1.0) * 100)) : -1;
  point.grade = grade;

  if (!points_.empty() && point.tick < points_.back().tick) points_.clear();
  if (!points_.empty() && point.tick == points_.back().tick) points_.pop_back();
  points_.push_back(point);
  const auto first = std::find_if(points_.begin(), points_.end(), [&](const TrendPoint& p) {
    return point.tick - p.tick <= kSeconds * kTicksPerSecond;
  });
  points_.erase(points_.begin(), first);
}

}  // namespace hepar
