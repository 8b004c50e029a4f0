// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "models/named_values.h"

namespace hepar {

// How the learning rate goes over a run.
struct LearningRateSchedule {
  enum class Kind { kConstant, kCosine, kStep };
  Kind kind = Kind::kCosine;
  double base = 1e-3;
  int epochs = 60;              // kCosine reaches zero at their end.
  double warm_up = 2.0;         // Epochs over which the rate rises from zero.
  std::vector<int> milestones;  // kStep: epochs from which the rate is lowered.
  double step_factor = 0.1;     // kStep: by what a milestone multiplies the rate.

  // The rate at `epoch`, a fraction within the epoch included.
  double At(double epoch) const;
};
inline constexpr NamedValue<LearningRateSchedule::Kind> kScheduleKinds[] = {
    {"constant", LearningRateSchedule::Kind::kConstant},
    {"cosine", LearningRateSchedule::Kind::kCosine},
    {"step", LearningRateSchedule::Kind::kStep}};

}  // namespace hepar
