// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/data/batches.h"
#include "training/distributed/communicator.h"
#include "training/evaluation/metrics.h"
#include "training/trainer/epoch_record.h"
#include "training/trainer/objective.h"
#include "training/trainer/optimizer.h"
#include "training/trainer/schedule.h"

namespace hepar {

// An attack that measures: end to end, on the cross-entropy, from a random start.
struct RobustCheck {
  double epsilon = 8.0 / 255.0;  // Of every picture, units of the [0,1] input.
  int steps = 10;                // Of a quarter of epsilon.
};

struct TrainerOptions {
  int epochs = 60;
  int batch = 16;
  LearningRateSchedule learning_rate;
  double gradient_clip = 5.0;  // Largest norm of all gradients together; 0: no limit.
  double ema = 0.0;            // Decay of the average of the weights; 0: none.
  // Average of the weights of fair epochs, in place of `ema`.
  std::optional<FairAverageOptions> fair_average;
  int freeze_decouplers_after = 0;  // Epochs after which they no longer change; 0: never.
  // The normalisations compute with the statistics that they start with, in training too, so that
  // training, attack and use see one function. Weights and biases still learn.
  bool freeze_normalisation = false;

  // An attack on the validation part at the end of each epoch. kRobust and `fair_average` need it.
  std::optional<RobustCheck> robust_check;

  // The epoch to keep, by the validation part. Without one the last is kept.
  enum class Select {
    kBalancedAccuracy,
    kLoss,
    kRobust,  // Robust accuracy plus that of the worst class (CFA's choice).
    kLast,    // The validation part only watches.
  };
  Select select = Select::kBalancedAccuracy;
  int patience = 20;  // Epochs without a gain of more than `min_delta` that end it; 0: never.
  double min_delta = 0.0;
};

// What a net says of a part of the data.
struct Scores {
  Predictions predictions;
  double loss = 0.0;                 // Mean cross-entropy.
  double feature_correlation = 0.0;  // |corr(Feat2, Y)|: near 1 when IC2 only copies its input.
};

// Runs `net` in evaluation mode over the pictures `indices`, and puts its mode back. `others`, null
// for none, are processes that make the same call: each looks at its part of the pictures, and all
// get all scores.
Scores Score(SeverityNet net, const PreparedDataset& data, const std::vector<int>& indices,
             int batch, torch::Device device, Communicator* others = nullptr);

// What `net` says of the same pictures after an attack on each, in evaluation mode; what is random
// about it depends on the picture alone.
Predictions ScoreAttacked(SeverityNet net, const PreparedDataset& data,
                          const std::vector<int>& indices, int batch, torch::Device device,
                          const RobustCheck& check, Communicator* others = nullptr);

// Everything that changes in a run, and so what a checkpoint holds, but for the generators.
struct TrainingState {
  TrainingState(SeverityNet net, const OptimizerOptions& options);

  SeverityNet net;
  Optimizer optimizer;
  SeverityNet average;  // Of the weights: TrainerOptions::ema or, once begun, fair_average.
  SeverityNet best;     // Weights of `best_epoch`.

  int epoch = 0;             // Epochs completed.
  int step = 0;              // Steps done of the one that is running.
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

// What a caller wants to know, or do, while training runs.
struct TrainingHooks {
  std::function<bool()> stop_requested;     // Asked after each step and epoch.
  std::function<void(int step)> step_done;  // Steps done of this epoch.
  std::function<void(const EpochRecord&)> epoch_done;
};

enum class TrainingEnd { kFinished, kStoppedEarly, kInterrupted };

// Trains on from `state` until the last epoch, early stopping, or a stop that the hooks ask for,
// which leaves `state` between two steps, fit to go on from. `validation` may be empty.
// Throws Error(kFailed), naming epoch and step, when a loss or gradient is not finite; the step
// that would have spoilt the weights is then not taken.
//
// `others`, null for none, are processes that train the same net on other parts of the pictures,
// with the same options and state: the weights are then the same in all of them after every step,
// and a stop that one is asked for stops all. Where one is lost, what Communicator throws leaves
// `state` as it was before the step that was running, but for the normalisation's statistics.
TrainingEnd Train(const TrainerOptions& options, const PreparedDataset& data, Batches& batches,
                  const std::vector<int>& validation, torch::Device device, Objective& objective,
                  const TrainingHooks& hooks, TrainingState& state, Communicator* others = nullptr);

}  // namespace hepar
