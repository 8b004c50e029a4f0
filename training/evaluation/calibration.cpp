// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Error Invalid(const std::string& what) { return Error(ErrorKind::kInvalid, what); }

void Check(const Predictions& predictions) {
  const auto& rows = predictions.probabilities;
  CheckPredictions(predictions, rows.empty() ? 1 : static_cast<int>(rows.front().size()));
}

double Mean(double sum, std::size_t cases) { return cases == 0 ? kNan : sum / cases; }

}  // namespace

std::vector<ReliabilityBin> Reliability(const std::vector<double>& confidences,
                                        const std::vector<bool>& right, int bins) {
  if (bins < 1) throw Invalid("number of bins is " + std::to_string(bins) + ", expected 1 or more");
  if (confidences.size() != right.size()) {
    throw Invalid("there are " + std::to_string(confidences.size()) + " confidences, but " +
                  std::to_string(right.size()) + " outcomes");
  }
  std::vector<ReliabilityBin> diagram(bins);
  for (int b = 0; b < bins; ++b) {
    diagram[b].low = static_cast<double>(b) / bins;
    diagram[b].high = static_cast<double>(b + 1) / bins;
  }
  for (std::size_t i = 0; i < confidences.size(); ++i) {
    // Negated, so that NaN fails too.
    if (!(confidences[i] >= 0.0 && confidences[i] <= 1.0)) {
      throw Invalid("case " + std::to_string(i) + " has confidence " +
                    std::to_string(confidences[i]) + ", expected 0 to 1");
    }
    ReliabilityBin& bin = diagram[std::min(static_cast<int>(confidences[i] * bins), bins - 1)];
    ++bin.cases;
    bin.confidence += confidences[i];
    bin.accuracy += right[i] ? 1.0 : 0.0;
  }
  for (ReliabilityBin& bin : diagram) {
    bin.confidence = Mean(bin.confidence, bin.cases);
    bin.accuracy = Mean(bin.accuracy, bin.cases);
  }
  return diagram;
}

double ExpectedCalibrationError(const std::vector<double>& confidences,
                                const std::vector<bool>& right, int bins) {
  double sum = 0.0;
  for (const ReliabilityBin& bin : Reliability(confidences, right, bins)) {
    if (bin.cases > 0) sum += bin.cases * std::abs(bin.accuracy - bin.confidence);
  }
  return Mean(sum, confidences.size());
}

double ExpectedCalibrationError(const Predictions& predictions, int bins) {
  Check(predictions);
  std::vector<double> confidences;
  std::vector<bool> right;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const auto& p = predictions.probabilities[i];
    const auto best = std::max_element(p.begin(), p.end());
    // Rounding may leave the probabilities with a sum just above 1.
    confidences.push_back(std::min(*best, 1.0));
    right.push_back(best - p.begin() == predictions.labels[i]);
  }
  return ExpectedCalibrationError(confidences, right, bins);
}

double BrierScore(const Predictions& predictions) {
  Check(predictions);
  double sum = 0.0;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const auto& p = predictions.probabilities[i];
    for (std::size_t k = 0; k < p.size(); ++k) {
      const double target = static_cast<int>(k) == predictions.labels[i] ? 1.0 : 0.0;
      sum += (p[k] - target) * (p[k] - target);
    }
  }
  return Mean(sum, predictions.labels.size());
}

double NegativeLogLikelihood(const Predictions& predictions, double temperature) {
  if (!(temperature > 0.0)) {
    throw Invalid("temperature is " + std::to_string(temperature) + ", expected more than 0");
  }
  Check(predictions);
  constexpr double kSmallest = std::numeric_limits<float>::min();
  double sum = 0.0;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const auto& p = predictions.probabilities[i];
    const auto logit = [&](double probability) {
      return std::log(std::max(probability, kSmallest)) / temperature;
    };
    const double largest = logit(*std::max_element(p.begin(), p.end()));
    double scale = 0.0;
    for (double probability : p) scale += std::exp(logit(probability) - largest);
    sum += largest + std::log(scale) - logit(p[predictions.labels[i]]);
  }
  return Mean(sum, predictions.labels.size());
}

}  // namespace hepar
