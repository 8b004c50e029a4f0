// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>

#include "models/named_values.h"
#include "training/scoring/robust_check.h"
#include "training/trainer/optimizer_options.h"
#include "training/trainer/schedule.h"

namespace hepar {

struct TrainerOptions {
  int epochs = 60;
  int batch = 16;  // Pictures that are scored at once.
  LearningRateSchedule learning_rate;
  double gradient_clip = 5.0;  // Largest norm of all gradients together; 0: no limit.
  double ema = 0.0;            // Decay of the average of the weights; 0: none.
  // Average of the weights over fair epochs, in place of `ema`.
  std::optional<FairAverageOptions> fair_average;
  int freeze_decouplers_after = 0;  // Epochs after which they no longer change; 0: never.
  // Normalization keeps the statistics that it starts with, in training too, so that training,
  // attack and inference see one function. Its weights and biases still learn.
  bool freeze_normalization = false;

  // An attack on the validation part at the end of each epoch. kRobust and `fair_average` need it.
  std::optional<RobustCheck> robust_check;

  // The epoch to keep, by the validation part. Without one the last is kept.
  enum class Select {
    kBalancedAccuracy,
    kLoss,
    kRobust,  // Robust accuracy plus that of the worst class (the criterion of CFA).
    kLast,    // The last epoch; the validation part is only scored.
  };
  Select select = Select::kBalancedAccuracy;
  int patience = 20;  // Epochs without a gain of more than `min_delta` that end it; 0: never.
  double min_delta = 0.0;
};
inline constexpr NamedValue<TrainerOptions::Select> kSelections[] = {
    {"balanced-accuracy", TrainerOptions::Select::kBalancedAccuracy},
    {"loss", TrainerOptions::Select::kLoss},
    {"robust", TrainerOptions::Select::kRobust},
    {"last", TrainerOptions::Select::kLast}};

}  // namespace hepar
