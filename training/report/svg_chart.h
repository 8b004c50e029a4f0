// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hepar {

struct ChartSeries {
  std::string name;
  std::vector<double> values;           // One for each x; a value that is not finite makes a gap.
  std::vector<double> x = {};           // Rising; empty: LineChart::x.
  bool dots = false;                    // Each point has a dot with a tooltip.
  std::vector<std::string> notes = {};  // Text for the tooltip of each dot; or empty.
  bool reference = false;               // Something to compare with: thin, dashed, without a color.
  // A marked point with the text of its tooltip.
  struct Mark {
    double x = 0.0, y = 0.0;
    std::string text;
  };
  std::vector<Mark> marks = {};
};

// Lines over one axis. Each has its name at its right end, with a swatch of its color and dashes:
// lines that end at one point, or that lie on each other, are told apart by it.
struct LineChart {
  std::string description;  // For those who do not see it.
  std::string x_name, y_name;
  std::vector<double> x;  // Rising; whole numbers, unless x_range is given.
  std::vector<ChartSeries> series;
  std::optional<std::pair<double, double>> x_range;  // From where to where; else that of x.
  bool x_percent = false;                            // Of x as `percent` of the values.
  double height = 290;                               // In the units of which it is 600 wide.
  // The y axis holds these and all values.
  std::optional<double> low, high;
  bool percent = false;    // Values are fractions; the axis shows hundredths.
  bool log_scale = false;  // Where all values are positive and span more than a factor of ten.
  std::optional<double> marked_x;  // A vertical line, named `mark`; one outside x is not drawn.
  std::string mark;
};

// Whether any series has a finite value, that is, whether there is anything to draw.
bool HasValues(const LineChart& chart);

// Multiples of a step of 1, 2 or 5 times a power of ten, about `count` of them; the first is at or
// below `low` and the last at or above `high`. Throws Error(kInvalid) unless low < high, both
// finite, and count >= 1.
std::vector<double> NiceTicks(double low, double high, int count);

// The chart as one <svg> element of well-formed XML, 600 units wide. It defines no colors:
// lines are of the classes line0..line5 (again dashed from the seventh series on), end marks
// mark0..mark5; other classes are grid, axis, leader, swatch, kept, reference, point and band, and
// text is plain, `name` or `quiet`. Pointing at an x shows its values by <title>, without scripts.
// Throws Error(kInvalid) for a series whose length is not that of its x.
std::string LineChartSvg(const LineChart& chart);

}  // namespace hepar
