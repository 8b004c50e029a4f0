// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Builds the parts of a training run from the options of `hepar train`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/cli/train_options.h"
#include "training/data/dataset.h"
#include "training/data/split.h"
#include "training/trainer/trainer.h"

namespace hepar {

// Reads the file of a TorchScript classifier; errors as SetClassifier().
Architecture ArchitectureOf(const TrainOptions& options, int classes);
PreprocessOptions PreprocessOf(const TrainOptions& options);
// Gives `net` all parameters and statistics of a model bundle. Throws Error(kMismatch), naming the
// first difference, when it is of another architecture; errors of LoadBundle().
void StartFrom(const std::string& bundle, const ModelPermission& permission, SeverityNet net);

TrainerOptions TrainerOptionsOf(const TrainOptions& options);
OptimizerOptions OptimizerOptionsOf(const TrainOptions& options);
BatchesOptions BatchesOptionsOf(const TrainOptions& options);
// `train`: the training part, which balanced class weights count.
std::unique_ptr<Objective> ObjectiveOf(const TrainOptions& options, const Dataset& dataset,
                                       const std::vector<int>& train);
// By patient, checked. Throws Error(kMismatch) when a class of the data has no training picture.
Split MakeSplit(const TrainOptions& options, const Dataset& dataset);

// What must be the same for a checkpoint to be resumed: all options but those that do not affect
// the numbers, and the data. JSON text, an object.
std::string RunDescription(const OptionTable& table, const Dataset& dataset, const Split& split,
                           const Architecture& architecture, int processes);

}  // namespace hepar
