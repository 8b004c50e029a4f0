// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hepar {

// One figure of each class, such as its attack budget.
struct ClassFigures {
  std::string name;            // snake_case: the key in logs.
  std::vector<double> values;  // One for each class; NaN where there is none.
};

// One line of the training log.
struct EpochRecord {
  int epoch = 0;  // From 1.
  double learning_rate = 0.0;
  std::vector<double> terms;  // Means over the epoch, as Objective::TermNames().
  double train_accuracy = 0.0;
  // The values that the objective's class-wise schedule measured and used in the epoch: "epsilon"
  // (units of the [0,1] input), "beta" and "robust_train_accuracy". Empty for objectives without
  // one.
  std::vector<ClassFigures> per_class;
  struct Validation {
    double loss = 0.0, accuracy = 0.0, balanced_accuracy = 0.0, patient_balanced_accuracy = 0.0;
    double feature_correlation = 0.0;  // |corr(Feat2, Y)|.
    // End-to-end attack at the procedure's base budget: pooled accuracy and that of the worst
    // class. Only where the procedure is adversarial.
    std::optional<double> robust_accuracy, robust_worst;
  };
  std::optional<Validation> validation;
  double seconds = 0.0;
  double peak_memory_mib = 0.0;  // Of the process, so far.
};

}  // namespace hepar
