// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hepar {

// Options of `hepar train`, as name without dashes and value.
using TrainSettings = std::vector<std::pair<std::string, std::string>>;

// One dimension of a table's rows: the options that its trainings add to the common ones.
struct AblationPart {
  std::string name;
  TrainSettings settings;
  std::string init_from;  // Of variants: start from the models of this one; empty: from scratch.
};

// The trainings behind a table of classifiers and variants.
struct AblationPlan {
  std::string title;
  std::vector<int> seeds = {1};
  // As for `hepar attack`; without attacks nothing is attacked.
  std::string attacks, epsilon = "8/255";
  // The criterion, by patient, for the choice of a configuration (classifier and variant) in a
  // nested cross-validation: a name of CriterionNames(). And whose answers are used.
  std::string choose_by = "auc_mean";
  enum class Nested {
    kOff,
    kCrossFitted,  // Those of the models of the other folds, which were trained on the fold.
    kFull,         // Those of further models, trained without the fold.
  };
  Nested nested = Nested::kCrossFitted;
  TrainSettings common;
  std::vector<AblationPart> classifiers, variants;  // In the order of the file, one or more each.
};

// Reads a plan from an INI file:
//
//   [ablation]               title, seeds=1,2,3, attacks, epsilon, choose-by,
//                            nested=off|cross-fitted|full; all optional
//   [train]                  options of `hepar train` that all trainings have
//   [classifier SqueezeNet]  options of one classifier, under the name that tables give it
//   [variant base]           options of one variant; init-from=VARIANT starts from that one's
//   models
//
// The other variants are compared with the first. "${NAME}" in a value stands for the
// environment variable. Options that the runs set themselves (data, folds, fold, seed, out, work,
// resume, init, json, name, threads) may not be given. Throws Error: kNotFound, kUnreadable (the
// file), kInvalid (its content, with group and key).
AblationPlan ReadAblationPlan(const std::string& path);

}  // namespace hepar
