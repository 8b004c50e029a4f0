// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "tests/training/support/synthetic_predictions.h"
#include "training/report/evidence.h"

namespace hepar {

// What an evaluation of 24 patients with 3 frames each, in 3 folds, is made of.
inline EvidenceInput SyntheticEvidence(int resamples) {
  EvidenceInput input;
  input.class_names = {"normal", "mild", "moderate", "severe"};
  input.frames = SyntheticPredictions(24, 3, 1.5, 1);
  std::vector<int> folds;
  for (int patient = 0; patient < 24; ++patient) folds.insert(folds.end(), 3, patient / 4 % 3);
  input.plan = CrossFitted(input.frames, folds, "the other folds");
  input.bootstrap = {resamples, 1};
  return input;
}

}  // namespace hepar
