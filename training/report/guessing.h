// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// Answers beside guessing.
struct GuessingTest {
  int cases = 0;
  double balanced_accuracy = 0.0;
  double chance = 0.0;  // Balanced accuracy of any answers that do not depend on the case.
  // One-sided permutation test: how likely a balanced accuracy as high as this is when the same
  // answers are given to the cases at random, (b + 1) / (m + 1) for b of m permutations (Phipson
  // and Smyth 2010). 1 where every case has the same answer.
  double p_value = 1.0;
  std::optional<int> only_answer;  // Of all cases, where they have one.

  // By the usual level of 5 %.
  bool IsBetter() const { return p_value <= 0.05; }
};

// Compares the answers to independent cases (patients, not their frames) with guessing. Without a
// case, or with cases of a single class, nothing can be told: p is 1. The same cases give the same
// result. Throws what CheckPredictions() throws.
GuessingTest CompareWithGuessing(const Predictions& cases, int classes);

// What to tell somebody whose model did not do better than guessing on `part` of the data, and what
// to try: it depends on whether the training pictures were learned (`train_accuracy`, that of the
// last epoch). One line without an end.
std::string GuessingWarning(const GuessingTest& test, const std::string& part,
                            const std::vector<std::string>& class_names, double train_accuracy);

}  // namespace hepar
