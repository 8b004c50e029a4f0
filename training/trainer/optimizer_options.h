// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/named_values.h"

namespace hepar {

enum class OptimizerKind { kAdam, kAdamW, kSgd };  // kSgd has momentum 0.9.
inline constexpr NamedValue<OptimizerKind> kOptimizerKinds[] = {
    {"adam", OptimizerKind::kAdam}, {"adamw", OptimizerKind::kAdamW}, {"sgd", OptimizerKind::kSgd}};

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double learning_rate = 1e-3;     // Until the first SetLearningRate().
  double weight_decay = 1e-2;      // Of weights; biases and normalization have none.
  double classifier_factor = 1.0;  // Learning rate of the classifier over that of the decouplers.
};

// FAWA (Wei et al., CVPR 2023): the average over the epochs in which no class is sacrificed.
struct FairAverageOptions {
  double decay = 0.85;
  double threshold = 0.2;  // Least robust accuracy of the worst class.
};

}  // namespace hepar
