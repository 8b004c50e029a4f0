// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "models/bundle/bundle.h"

namespace hepar {

// A model with the mean of the weights of `bundles`, as in "Robust fine-tuning of zero-shot models"
// (Wortsman et al., CVPR 2022): a fine-tuned model averaged with the one that it started from keeps
// more of what that one knew. Works for models that were trained from the same weights.
//
// Model i counts `shares[i]` > 0, divided by their sum. The description is that of the first, with
// the names, ids and shares under "average" in its training options. Temperature, abstention and
// the scores of the view are reset, since they were fitted to other answers.
//
// The result shares its tensors with bundles.front().net, whose weights are overwritten.
//
// Throws Error: kInvalid for fewer than two bundles, shares that are not as many or not above zero,
// and TorchScript classifiers, whose weights are part of a program; kMismatch for models of
// different structure, classes or preprocessing.
Bundle AverageInPlace(std::vector<Bundle> bundles, const std::vector<double>& shares);

}  // namespace hepar
