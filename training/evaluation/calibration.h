// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// Calibration of probabilities. Without cases the figures are NaN; the functions of
// Predictions throw as CheckPredictions().

// The cases whose confidence fell in one bin.
struct ReliabilityBin {
  double low = 0.0, high = 0.0;  // Confidences in [low, high); the last bin holds 1 too.
  int cases = 0;
  double confidence = 0.0, accuracy = 0.0;  // Means over the cases; NaN without one.
};

// Cases by confidence, in `bins` bins of equal width over [0,1]. `confidences` are probabilities of
// the answers, `right` whether those were the truth. Throws Error(kInvalid) for parts of unlike
// length, less than one bin, and confidences outside [0,1].
std::vector<ReliabilityBin> Reliability(const std::vector<double>& confidences,
                                        const std::vector<bool>& right, int bins = 10);

// Mean over the cases of their bin's |accuracy - confidence| (Naeini et al., AAAI 2015).
double ExpectedCalibrationError(const std::vector<double>& confidences,
                                const std::vector<bool>& right, int bins = 10);

// The largest probability of each case, and whether it is that of the truth.
struct Answers {
  std::vector<double> confidences;
  std::vector<bool> right;
};
Answers AnswersOf(const Predictions& predictions);

// Of these answers.
double ExpectedCalibrationError(const Predictions& predictions, int bins = 10);

// Mean over the cases of sum_k (p_k - [k is the truth])^2, in [0,2] (Brier 1950).
double BrierScore(const Predictions& predictions);

// Mean -log of the truth's probability when the logits are divided by `temperature`. Logits are
// not needed: softmax(z / T) is p^(1/T), scaled to sum 1. A probability that float32 rounds to 0
// counts as the smallest that it does not. Throws Error(kInvalid) unless temperature > 0.
double NegativeLogLikelihood(const Predictions& predictions, double temperature = 1.0);

// The probabilities that the logits give when they are divided by `temperature` (Guo et al., ICML
// 2017): p^(1/T), scaled to sum 1. The answers stay. Throws Error(kInvalid) unless temperature > 0.
Predictions WithTemperature(const Predictions& predictions, double temperature);

// The temperature in [kLeastTemperature, kLargestTemperature] of the least negative
// log-likelihood, to 4 digits; the likelihood has one optimum only, as it is concave in 1/T. NaN
// without cases.
double FitTemperature(const Predictions& predictions);
inline constexpr double kLeastTemperature = 0.05, kLargestTemperature = 20.0;

}  // namespace hepar
