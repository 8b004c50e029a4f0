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

void CheckTemperature(double temperature) {
  if (temperature > 0.0) return;
  throw Invalid("temperature is " + std::to_string(temperature) + ", expected more than 0");
}

// log of softmax(log p / temperature).
std::vector<double> LogProbabilities(const std::vector<double>& p, double temperature) {
  constexpr double kSmallest = std::numeric_limits<float>::min();
  std::vector<double> logits;
  for (const double probability : p) {
    logits.push_back(std::log(std::max(probability, kSmallest)) / temperature);
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  for (double& logit : logits) logit -= largest + std::log(sum);
  return logits;
}

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

Answers AnswersOf(const Predictions& predictions) {
  Check(predictions);
  Answers answers;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const auto& p = predictions.probabilities[i];
    const int answer = AnswerOf(p);
    // Rounding may leave the probabilities with a sum just above 1.
    answers.confidences.push_back(std::min(p[answer], 1.0));
    answers.right.push_back(answer == predictions.labels[i]);
  }
  return answers;
}

double ExpectedCalibrationError(const Predictions& predictions, int bins) {
  const Answers answers = AnswersOf(predictions);
  return ExpectedCalibrationError(answers.confidences, answers.right, bins);
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

Predictions WithTemperature(const Predictions& predictions, double temperature) {
  CheckTemperature(temperature);
  Check(predictions);
  Predictions scaled = predictions;
  for (auto& p : scaled.probabilities) {
    p = LogProbabilities(p, temperature);
    for (double& value : p) value = std::exp(value);
  }
  return scaled;
}

double NegativeLogLikelihood(const Predictions& predictions, double temperature) {
  CheckTemperature(temperature);
  Check(predictions);
  double sum = 0.0;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    sum -= LogProbabilities(predictions.probabilities[i], temperature)[predictions.labels[i]];
  }
  return Mean(sum, predictions.labels.size());
}

double FitTemperature(const Predictions& predictions) {
  if (predictions.labels.empty()) return kNan;
  const double golden = (std::sqrt(5.0) - 1.0) / 2.0;
  const auto loss = [&](double log_temperature) {
    return NegativeLogLikelihood(predictions, std::exp(log_temperature));
  };
  double low = std::log(kLeastTemperature), high = std::log(kLargestTemperature);
  double left = high - golden * (high - low), right = low + golden * (high - low);
  double left_loss = loss(left), right_loss = loss(right);
  while (high - low > 1e-5) {
    if (left_loss <= right_loss) {
      high = right;
      right = left;
      right_loss = left_loss;
      left = high - golden * (high - low);
      left_loss = loss(left);
    } else {
      low = left;
      left = right;
      left_loss = right_loss;
      right = low + golden * (high - low);
      right_loss = loss(right);
    }
  }
  return std::exp((low + high) / 2.0);
}

}  // namespace hepar
