// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/data/dataset.h"

namespace hepar {

// How the severity loss weighs the classes.
class ClassWeights {
 public:
  // "none", "balanced" (inversely to the pictures of each class) or one number for each class of
  // data sets, separated by commas. Throws Error(kInvalid) for anything else, and for numbers that
  // are negative or all zero.
  static ClassWeights Parse(const std::string& text);
  std::string ToString() const { return text_; }

  // The weight of each class, of mean 1 over the pictures `train`, so that a batch of any mix has
  // the scale of one without weights; empty for none. Throws Error(kInvalid) when every class of
  // `train` has the weight 0.
  std::vector<double> For(const Dataset& dataset, const std::vector<int>& train) const;

 private:
  std::string text_ = "none";
  std::vector<double> given_;  // Empty unless numbers were given.
};

}  // namespace hepar
