// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/schedule.h"

#include <algorithm>
#include <cmath>

namespace hepar {
namespace {

constexpr double kPi = 3.14159265358979323846;

}  // namespace

double LearningRateSchedule::At(double epoch) const {
  const double rise = warm_up > 0.0 ? std::min(1.0, epoch / warm_up) : 1.0;
  double rate = base;
  if (kind == Kind::kCosine) {
    rate *= 0.5 * (1.0 + std::cos(kPi * std::min(1.0, epoch / epochs)));
  } else if (kind == Kind::kStep) {
    for (int milestone : milestones) {
      if (epoch >= milestone) rate *= step_factor;
    }
  }
  return rise * rate;
}

}  // namespace hepar
