// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <string>

#include "training/trainer/objective.h"
#include "training/trainer/training_state.h"

namespace hepar {

// Writes everything that a run needs to resume as if it had never stopped: weights, averages, the
// best weights, the optimizer with its learning rate, the states of the random generators, the
// objective's schedule, the position (epoch, step) and the log. `run` is JSON text, an object, of
// what must be the same when it resumes. Atomic: a full disk or a crash leaves the last one intact.
// Throws Error(kUnreadable) when the file cannot be written.
void SaveCheckpoint(const std::string& path, const std::string& run, const TrainingState& state,
                    const Objective& objective, torch::Device device);

// The content of a checkpoint. Throws Error: kNotFound, kUnreadable.
std::string ReadCheckpoint(const std::string& path);

// Brings `state`, `objective` and the generators to where SaveCheckpoint() left them, from the
// `content` of its file, which messages call `path`. `state` must be of the same architecture and
// optimizer. The file is not trusted: models/tensor_file reads it, and every checksum, size and
// number is checked. Throws Error: kDamaged, and kMismatch, naming the first difference, when the
// checkpoint is of another run; `state` is of no use then.
void LoadCheckpoint(const std::string& path, const std::string& content, const std::string& run,
                    torch::Device device, TrainingState& state, Objective& objective);

// The training log of `state`: one JSON object in a line for each epoch, and the same as CSV.
// `terms` are the objective's TermNames(). NaN becomes null.
std::string LogAsJsonLines(const TrainingState& state, const std::vector<std::string>& terms,
                           const std::vector<std::string>& class_names);
std::string LogAsCsv(const TrainingState& state, const std::vector<std::string>& terms,
                     const std::vector<std::string>& class_names);

}  // namespace hepar
