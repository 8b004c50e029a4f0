// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "models/error.h"

namespace hepar {

Interval WilsonInterval(int hits, int cases, double z) {
  if (hits < 0 || cases < hits) {
    throw Error(ErrorKind::kInvalid, std::to_string(hits) + " hits in " + std::to_string(cases) +
                                         " cases, expected 0 to as many hits as cases");
  }
  if (!(z > 0.0)) {
    throw Error(ErrorKind::kInvalid, "z is " + std::to_string(z) + ", expected more than 0");
  }
  if (cases == 0) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan};
  }
  const double n = cases, p = hits / n, z2 = z * z;
  const double center = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
  const double half = z * std::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n)) / (1.0 + z2 / n);
  // The ends are exact at 0 and 1; rounding must not take them outside.
  return {hits == 0 ? 0.0 : std::max(center - half, 0.0),
          hits == cases ? 1.0 : std::min(center + half, 1.0)};
}

double McNemarExact(int only_first, int only_second) {
  if (only_first < 0 || only_second < 0) {
    throw Error(ErrorKind::kInvalid, "counts are " + std::to_string(only_first) + " and " +
                                         std::to_string(only_second) + ", expected 0 or more");
  }
  const int n = only_first + only_second, fewer = std::min(only_first, only_second);
  // By logarithms, as 2^n and the binomials leave the range of double above 1000 cases.
  double tail = 0.0;
  for (int i = 0; i <= fewer; ++i) {
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) -
                     n * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

std::vector<double> HolmAdjusted(const std::vector<double>& p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    if (std::isnan(p_values[i])) continue;
    if (p_values[i] < 0.0 || p_values[i] > 1.0) {
      throw Error(ErrorKind::kInvalid,
                  "p-value is " + std::to_string(p_values[i]) + ", expected 0 to 1");
    }
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&p_values](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted = p_values;
  double least = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double remaining = static_cast<double>(order.size() - rank);
    least = std::min(1.0, std::max(least, remaining * p_values[order[rank]]));
    adjusted[order[rank]] = least;
  }
  return adjusted;
}

}  // namespace hepar
