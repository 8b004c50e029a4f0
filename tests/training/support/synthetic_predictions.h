// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Answers that are right as often as asked, for tests of figures.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

inline std::vector<double> Softmax(std::vector<double> logits) {
  double sum = 0.0;
  for (double& logit : logits) sum += logit = std::exp(logit);
  for (double& logit : logits) logit /= sum;
  return logits;
}

// `patients` of grades 0 to 3 in turn, each with `frames`; the logit of the truth is `signal` above
// the others on average, with normal noise of a patient and half of it of a frame.
inline Predictions SyntheticPredictions(int patients, int frames, double signal, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Predictions predictions;
  for (int patient = 0; patient < patients; ++patient) {
    std::vector<double> of_patient(4);
    for (double& logit : of_patient) logit = normal(random);
    of_patient[patient % 4] += signal;
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<double> logits = of_patient;
      for (double& logit : logits) logit += 0.5 * normal(random);
      predictions.labels.push_back(patient % 4);
      predictions.patients.push_back("P" + std::to_string(1000 + patient));
      predictions.probabilities.push_back(Softmax(logits));
    }
  }
  return predictions;
}

}  // namespace hepar
