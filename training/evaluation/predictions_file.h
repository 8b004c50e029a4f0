// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// The answers that `hepar evaluate --csv` wrote: the columns patient_id, label and p_ with the name
// of each class, in any order; others are ignored. Throws Error, naming the line: kNotFound,
// kUnreadable, kDamaged (columns or numbers missing, unknown labels, probabilities without sum 1,
// no line).
Predictions ReadPredictions(const std::string& path, const std::vector<std::string>& class_names);

}  // namespace hepar
