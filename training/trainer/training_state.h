// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "models/nets/severity_net.h"
#include "training/trainer/epoch_record.h"
#include "training/trainer/optimizer.h"
#include "training/trainer/trainer_options.h"

namespace hepar {

// Everything that changes in a run, and so what a checkpoint holds, but for the random generators.
struct TrainingState {
  TrainingState(SeverityNet net, const OptimizerOptions& options);

  SeverityNet net;
  Optimizer optimizer;
  SeverityNet average;  // Of the weights: TrainerOptions::ema or, once begun, fair_average.
  SeverityNet best;     // Weights of `best_epoch`.

  int epoch = 0;             // Epochs completed.
  int step = 0;              // Steps done in the running epoch.
  std::int64_t updates = 0;  // Steps done in all.
  torch::Tensor sums;        // Of the running epoch: pictures, loss terms times pictures, hits.
  double seconds = 0.0;      // Spent on the running epoch.

  bool fair_average_begun = false;

  int best_epoch = 0;  // 0: none yet.
  double best_value = 0.0, best_loss = 0.0;
  int stale_epochs = 0;  // Since the last gain that counts for patience.
  std::vector<EpochRecord> history;

  // The weights that are validated and kept: the average's where there is one, else the latest.
  SeverityNet Evaluated(const TrainerOptions& options) const;
  // The weights that training ends with: the best epoch's where there is one, else Evaluated().
  SeverityNet Result(const TrainerOptions& options) const;
};

}  // namespace hepar
