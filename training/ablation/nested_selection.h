// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// What a configuration is chosen by, of patients. By name: the keys of kNamedFigures of which more
// is better, and "auc_mean", the mean of the three areas. Throws Error(kInvalid), listing them.
double Criterion(const std::string& name, const EvaluationFigures& figures);
std::vector<std::string> CriterionNames();

// A configuration that took part in a cross-validation.
struct Configuration {
  std::string name;
  // Of each seed the answers to all frames, each by the model that did not see the patient.
  std::vector<Predictions> seeds;
  // By fold and seed: answers to the frames of the other folds, each by a model that saw neither
  // the patient nor that fold. Empty: the answers of `seeds` to the other folds serve, whose models
  // did learn from that fold.
  std::vector<std::vector<Predictions>> inner;
};

// Choice inside, score outside: for each fold the configuration with the best criterion on the
// other folds, the first of equals; it answers for the fold.
struct NestedSelection {
  struct Choice {
    std::string configuration;
    double criterion = 0.0;  // On the other folds, mean over the seeds.
    double outside = 0.0;    // What the fold itself gives; NaN where it lacks a grade.
  };
  std::vector<Choice> folds;
  // The answers of what was chosen, fold by fold; of each seed.
  std::vector<Predictions> seeds;
  // The configuration that is best on all folds, which is how one is chosen to be used, and its
  // criterion there: what a choice on the patients that it is scored on would have reported.
  std::string best;
  double flattered = 0.0;
};

// `fold_of` tells the fold, 0..folds-1, of a patient. Throws Error(kInvalid) for no configuration,
// unlike numbers of seeds or folds, and less than two folds.
NestedSelection SelectNested(const std::vector<Configuration>& configurations, int folds,
                             const std::function<int(const std::string&)>& fold_of,
                             const std::string& criterion, int classes);

}  // namespace hepar
