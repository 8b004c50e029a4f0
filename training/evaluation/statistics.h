// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

namespace hepar {

struct Interval {
  double low = 0.0, high = 0.0;
};

// Wilson's score interval of a proportion (Wilson 1927): (p + z^2/2n +- z sqrt(p (1-p)/n +
// z^2/4n^2)) / (1 + z^2/n); the default z gives 95 %. It supposes that the cases are independent,
// which patients are and the frames of one patient are not. NaN for no cases. Throws
// Error(kInvalid) unless 0 <= hits <= cases and z is positive.
Interval WilsonInterval(int hits, int cases, double z = 1.959963984540054);

// Two-sided exact test of McNemar: how likely a split at least as uneven as this is when either
// classifier is as good. `only_first` and `only_second` count the cases that only one of them has
// right. 1 when both are 0. Throws Error(kInvalid) for negative counts.
double McNemarExact(int only_first, int only_second);

// Holm's correction (Holm 1979) of p-values of one family: the i-th smallest of m is
// multiplied by m - i + 1, none becomes smaller than the one before it or larger than 1. In the
// order that they were given; NaN is no test, and stays. Throws Error(kInvalid) for a p-value
// outside [0,1].
std::vector<double> HolmAdjusted(const std::vector<double>& p_values);

}  // namespace hepar
