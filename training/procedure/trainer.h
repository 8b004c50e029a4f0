// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/data/batches.h"
#include "training/evaluation/metrics.h"
#include "training/procedure/objective.h"
#include "training/procedure/optimizer.h"
#include "training/procedure/schedule.h"

namespace hepar {

struct TrainerOptions {
  int epochs = 60;
  int batch = 16;
  LearningRateSchedule learning_rate;
  double gradient_clip = 5.0;  // Largest norm of all gradients together; 0: no limit.
  double ema = 0.0;            // Decay of the average of the weights; 0: none.

  // The epoch to keep, by the validation part. Without one the last is kept.
  enum class Select { kBalancedAccuracy, kLoss };
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

// Runs `net` in evaluation mode over the pictures `indices`, and puts its mode back.
Scores Score(SeverityNet net, const PreparedDataset& data, const std::vector<int>& indices,
             int batch, torch::Device device);

// One line of the training log.
struct EpochRecord {
  int epoch = 0;  // From 1.
  double learning_rate = 0.0;
  std::vector<double> terms;  // Means over the epoch, as Objective::TermNames().
  double train_accuracy = 0.0;
  struct Validation {
    double loss = 0.0, accuracy = 0.0, balanced_accuracy = 0.0, patient_balanced_accuracy = 0.0;
    double feature_correlation = 0.0;
  };
  std::optional<Validation> validation;
  double seconds = 0.0;
  double peak_memory_mib = 0.0;  // Of the process, so far.
};

// Everything that changes in a run, and so what a checkpoint holds, but for the generators.
struct TrainingState {
  TrainingState(SeverityNet net, const OptimizerOptions& options);

  SeverityNet net;
  Optimizer optimizer;
  SeverityNet average;  // Of the weights; used when TrainerOptions::ema > 0.
  SeverityNet best;     // Weights of `best_epoch`.

  int epoch = 0;             // Epochs completed.
  int step = 0;              // Steps done of the one that is running.
  std::int64_t updates = 0;  // Steps done in all.
  torch::Tensor sums;        // Loss terms and hits of the running epoch, times pictures.
  double seconds = 0.0;      // Spent on the running epoch.

  int best_epoch = 0;  // 0: none yet.
  double best_value = 0.0, best_loss = 0.0;
  int stale_epochs = 0;  // Since the last gain that counts for patience.
  std::vector<EpochRecord> history;

  // The weights that training ends with: the best epoch's where there is one, else the average's
  // (`ema`) or the latest.
  SeverityNet Result(const TrainerOptions& options) const;
};

// What a caller wants to know, or do, while training runs.
struct TrainingHooks {
  std::function<bool()> stop_requested;     // Asked after each step.
  std::function<void(int step)> step_done;  // Steps done of this epoch.
  std::function<void(const EpochRecord&)> epoch_done;
};

enum class TrainingEnd { kFinished, kStoppedEarly, kInterrupted };

// Trains on from `state` until the last epoch, early stopping, or a stop that the hooks ask for,
// which leaves `state` between two steps, fit to go on from. `validation` may be empty.
// Throws Error(kFailed), naming epoch and step, when a loss or gradient is not finite; the step
// that would have spoilt the weights is then not taken.
TrainingEnd Train(const TrainerOptions& options, const PreparedDataset& data, Batches& batches,
                  const std::vector<int>& validation, torch::Device device, Objective& objective,
                  const TrainingHooks& hooks, TrainingState& state);

}  // namespace hepar
