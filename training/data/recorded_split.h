// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/bundle/model_spec.h"
#include "training/data/dataset.h"

namespace hepar {

// The split by which a model was trained, from the options that it records. `folds` is needed, and
// used, only for a model that was trained with one held out; it is trusted to be the same file.
// Throws Error: kMismatch for other data than it was trained on and for a model that does not say
// how it was split, kInvalid when folds are missing.
Split RecordedSplit(const ModelSpec& spec, const Dataset& dataset, const Folds* folds);

// The fold that was held out in training; -1 for none.
int HeldOutFold(const ModelSpec& spec);

}  // namespace hepar
