// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/training_state.h"

namespace hepar {

TrainingState::TrainingState(SeverityNet net, const OptimizerOptions& options)
    : net(net), optimizer(options, net), average(CopyNet(net)), best(CopyNet(net)) {}

SeverityNet TrainingState::Evaluated(const TrainerOptions& options) const {
  return options.ema > 0.0 || fair_average_begun ? average : net;
}

SeverityNet TrainingState::Result(const TrainerOptions& options) const {
  return best_epoch > 0 ? best : Evaluated(options);
}

}  // namespace hepar
