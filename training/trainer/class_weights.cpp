// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/class_weights.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "models/error.h"

namespace hepar {

ClassWeights ClassWeights::Parse(const std::string& text) {
  ClassWeights weights;
  weights.text_ = text;
  if (text == "none" || text == "balanced") return weights;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    std::istringstream number(part);
    double value = 0;
    if (!(number >> value) || !number.eof() || !(value >= 0) || !std::isfinite(value)) {
      throw Error(ErrorKind::kInvalid,
                  "expected none, balanced or numbers from 0, got '" + part + "'");
    }
    weights.given_.push_back(value);
  }
  const std::size_t classes = Dataset().class_names.size();
  if (weights.given_.size() != classes ||
      *std::max_element(weights.given_.begin(), weights.given_.end()) <= 0) {
    throw Error(ErrorKind::kInvalid, "expected " + std::to_string(classes) +
                                         " numbers that are not all zero, got '" + text + "'");
  }
  return weights;
}

std::vector<double> ClassWeights::For(const Dataset& dataset, const std::vector<int>& train) const {
  if (text_ == "none") return {};
  const std::size_t classes = dataset.class_names.size();
  if (text_ == "balanced") {
    std::vector<double> counts(classes, 0.0), weights;
    for (int index : train) counts[dataset.samples[index].label] += 1.0;
    for (double count : counts) {
      weights.push_back(count > 0 ? static_cast<double>(train.size()) / (classes * count) : 0.0);
    }
    return weights;
  }
  double sum = 0.0;
  for (int index : train) sum += given_[dataset.samples[index].label];
  if (!(sum > 0)) {
    throw Error(ErrorKind::kInvalid,
                "--class-weights: every class of the training part has the weight 0");
  }
  std::vector<double> weights = given_;
  for (double& weight : weights) weight *= static_cast<double>(train.size()) / sum;
  return weights;
}

}  // namespace hepar
