// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/class_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

void CheckRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorKind::kInvalid, std::string("class schedule: ") + name + " is " +
                                       std::to_string(value) + ", expected " + std::to_string(low) +
                                       " to " + std::to_string(high));
}

}  // namespace

double ClassEpsilon(double accuracy, double sigma, double epsilon) {
  return (sigma + accuracy) * epsilon;
}

double ClassBeta(double accuracy, double mu, double beta) {
  const double u = (mu + accuracy) * beta;
  return u / (1.0 + u);
}

std::vector<double> DafaWeights(const std::vector<std::vector<double>>& s, double lambda) {
  std::vector<double> weights(s.size(), 1.0);
  for (std::size_t i = 0; i < s.size(); ++i) {
    for (std::size_t j = 0; j < s.size(); ++j) {
      if (i == j) continue;
      weights[i] += s[i][i] < s[j][j] ? lambda * s[i][j] * s[j][j] : -lambda * s[j][i] * s[i][i];
    }
  }
  return weights;
}

ClassSchedule::ClassSchedule(const ClassScheduleOptions& o) : options_(o) {
  CheckRange("number of classes", o.classes, 2, 64);
  CheckRange("epsilon", o.epsilon, 0, 1);
  CheckRange("beta", o.beta, 0, 1e6);
  CheckRange("sigma", o.sigma, 0, 10);
  CheckRange("mu", o.mu, 0, 10);
  // From 1.5 on a class that the others are always mistaken for could get a negative weight.
  CheckRange("DAFA's lambda", o.dafa_lambda, 0, 1.5);
  CheckRange("ramp", o.ramp, 0, 1e6);
  accuracy_.assign(o.classes, kNone);
  epsilon_.resize(o.classes);
  beta_.resize(o.classes);
  weight_.assign(o.classes, 1.0);
  SetForNextEpoch();
}

void ClassSchedule::SetForNextEpoch() {
  const double share = options_.ramp > 0 ? std::min(1.0, (epochs_ + 1.0) / options_.ramp) : 1.0;
  const double epsilon = share * options_.epsilon, beta = share * options_.beta;
  for (std::size_t k = 0; k < accuracy_.size(); ++k) {
    const bool parted = !std::isnan(accuracy_[k]);
    epsilon_[k] = parted && options_.adapt_epsilon
                      ? ClassEpsilon(accuracy_[k], options_.sigma, epsilon)
                      : weight_[k] * epsilon;
    beta_[k] = parted && options_.adapt_beta ? ClassBeta(accuracy_[k], options_.mu, beta)
                                             : beta / (1.0 + beta);
  }
}

std::vector<ClassFigures> ClassSchedule::EndEpoch(const std::vector<ClassCounts>& counts) {
  std::vector<double> accuracy;
  for (const ClassCounts& of : counts) {
    accuracy.push_back(of.samples > 0 ? of.hits / of.samples : kNone);
  }
  std::vector<ClassFigures> seen = {
      {"epsilon", epsilon_}, {"beta", beta_}, {"robust_train_accuracy", accuracy}};
  if (options_.fairness == Fairness::kDafa) seen.push_back({"weight", weight_});

  ++epochs_;
  if (options_.fairness == Fairness::kCfa && epochs_ >= options_.begin) {
    for (std::size_t k = 0; k < counts.size(); ++k) {
      if (counts[k].samples > 0) accuracy_[k] = accuracy[k];
    }
  } else if (options_.fairness == Fairness::kDafa && epochs_ == options_.begin) {
    // Once, after the warm-up: weights that chase their own effect would swing.
    std::vector<std::vector<double>> mean(counts.size());
    for (std::size_t k = 0; k < counts.size(); ++k) {
      for (double sum : counts[k].softmax) mean[k].push_back(sum / counts[k].samples);
    }
    const bool all_seen = std::all_of(counts.begin(), counts.end(),
                                      [](const ClassCounts& of) { return of.samples > 0; });
    if (all_seen) weight_ = DafaWeights(mean, options_.dafa_lambda);
  }
  SetForNextEpoch();
  return seen;
}

std::string ClassSchedule::State() const {
  // NaN is written as null.
  return nlohmann::json{{"epochs", epochs_},
                        {"accuracy", accuracy_},
                        {"epsilon", epsilon_},
                        {"beta", beta_},
                        {"weight", weight_}}
      .dump();
}

void ClassSchedule::Restore(const std::string& state) {
  const auto object = nlohmann::json::parse(state);
  epochs_ = object.at("epochs");
  const auto& accuracy = object.at("accuracy");
  for (std::size_t k = 0; k < accuracy_.size(); ++k) {
    accuracy_[k] = accuracy.at(k).is_null() ? kNone : accuracy.at(k).get<double>();
  }
  for (const auto& [key, values] :
       {std::pair{"epsilon", &epsilon_}, {"beta", &beta_}, {"weight", &weight_}}) {
    auto saved = object.at(key).get<std::vector<double>>();
    if (saved.size() != values->size()) {
      throw std::invalid_argument(std::string("the schedule's ") + key + " has " +
                                  std::to_string(saved.size()) + " numbers, expected " +
                                  std::to_string(values->size()));
    }
    *values = std::move(saved);
  }
}

}  // namespace hepar
