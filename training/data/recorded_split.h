// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/bundle/model_spec.h"
#include "training/data/dataset.h"
#include "training/data/split.h"

namespace hepar {

// The split by which a model was trained, from the options that it records. `folds` is needed, and
// used, only for a model that was trained with one held out; it is trusted to be the same file.
// Throws Error: kMismatch for other data than it was trained on and for a model that does not
// record how it was split, kInvalid when folds are missing.
Split RecordedSplit(const ModelSpec& spec, const Dataset& dataset, const Folds* folds);

// The fold that was held out in training; -1 for none.
int HeldOutFold(const ModelSpec& spec);

// The samples of one part of that split: "train", "validation" or "test". Throws Error as
// RecordedSplit(), naming the option --part, and kMismatch for a part that the split has not.
std::vector<int> RecordedPart(const ModelSpec& spec, const Dataset& dataset,
                              const std::string& part);

// Throws Error(kMismatch), naming `model` and the classes of both, unless the model has the classes
// of the data, in their order.
void CheckSameClasses(const ModelSpec& spec, const std::string& model,
                      const std::vector<std::string>& class_names);

}  // namespace hepar
