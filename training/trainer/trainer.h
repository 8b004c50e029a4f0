// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "training/data/batches.h"
#include "training/distributed/communicator.h"
#include "training/trainer/epoch_record.h"
#include "training/trainer/objective.h"
#include "training/trainer/trainer_options.h"
#include "training/trainer/training_state.h"

namespace hepar {

// The pictures, the device and the processes of a training run. What is referred to must outlive
// the trainer.
struct TrainingTask {
  const PreparedDataset& data;
  Batches& batches;             // Of the training part.
  std::vector<int> validation;  // May be empty.
  torch::Device device = torch::kCPU;
  // Null for none: processes that train the same net on other parts of the pictures, with the same
  // options and state.
  Communicator* others = nullptr;
};

// What a caller wants to know, or do, while training runs.
struct TrainingHooks {
  std::function<bool()> stop_requested;     // Asked after each step and epoch.
  std::function<void(int step)> step_done;  // Steps done of this epoch.
  std::function<void(const EpochRecord&)> epoch_done;
};

enum class TrainingEnd { kFinished, kStoppedEarly, kInterrupted };

// Minimizes an objective, epoch after epoch.
class Trainer {
 public:
  // `objective` must outlive the trainer.
  Trainer(const TrainerOptions& options, TrainingTask task, Objective& objective,
          TrainingHooks hooks = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Trains on from `state` until the last epoch, early stopping, or a stop that the hooks request.
  // A stop leaves `state` between two steps, fit to go on from. Throws Error(kFailed), naming epoch
  // and step, when a loss or gradient is not finite; the step that would have spread it to the
  // weights is then not taken.
  //
  // With several processes the weights are the same in all of them after every step, and a stop
  // that one requests stops all. Where one is lost, what Communicator throws leaves `state` as it
  // was before the running step, but for the statistics of the normalization.
  TrainingEnd Run(TrainingState& state);

 private:
  struct Team;

  void Join(TrainingState& state);
  bool StopRequested() const;
  bool RunEpoch(TrainingState& state);
  void Step(const Batch& batch, TrainingState& state);
  void ShareCounts(TrainingState& state);
  EpochRecord FinishEpoch(TrainingState& state);
  std::vector<double> Validate(TrainingState& state, EpochRecord* record) const;
  std::vector<double> RobustClassAccuracy(SeverityNet net, EpochRecord::Validation* figures) const;

  const TrainerOptions options_;
  const TrainingTask task_;
  Objective& objective_;
  const TrainingHooks hooks_;
  std::unique_ptr<Team> team_;  // Null where this process trains alone.
};

}  // namespace hepar
