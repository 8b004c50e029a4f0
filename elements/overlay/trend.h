// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace hepar {

// One point of the trend curve.
struct TrendPoint {
  std::int64_t tick = 0;  // Tenths of a second of stream time.
  int level = 0;          // Expected grade in percent of the highest grade; -1: no liver view.
  int grade = -1;         // The grade, or -1 for none.

  bool operator==(const TrendPoint& other) const;
};

// The results of the last kSeconds of one stream, one point for each tick.
class OverlayTrend {
 public:
  static constexpr int kSeconds = 20;
  static constexpr int kTicksPerSecond = 10;

  // `level` is the expected grade over the highest one, in [0,1]. It is empty where the view was no
  // liver view, which leaves a gap. A step back in time clears the trend.
  void Add(double seconds, const std::optional<double>& level, int grade);
  const std::vector<TrendPoint>& points() const { return points_; }

 private:
  std::vector<TrendPoint> points_;
};

}  // namespace hepar
