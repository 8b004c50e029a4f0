// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/bundle/model_spec.h"
#include "training/evaluation/metrics.h"
#include "training/trust/domain_fit.h"
#include "training/trust/trust_options.h"

namespace hepar {

// Minimum numbers: a Gaussian of 18 numbers needs many more pictures than dimensions.
inline constexpr int kLeastAdaptedPictures = 24;
inline constexpr int kLeastAdaptedPatients = 12;

struct AdaptationOptions {
  // Target of the mean confidence: the share of correct grades on this scanner. Unlabeled scans do
  // not show it.
  double confidence = 0.45;
  TrustOptions trust;
};

// The pictures of `data` that the model takes for views of the liver, by its score and limit.
// Throws Error(kMismatch), with the remedy: for a model without the scores of FitTrust(), when more
// than half of the pictures are no liver views, and for less than kLeastAdaptedPictures pictures or
// kLeastAdaptedPatients patients among the others. `as_they_are`: the descriptors of all pictures.
std::vector<int> LiverViews(const DescribedPictures& as_they_are, const ModelSpec& spec);

// Adapts `spec` to the scanner of `known`: ungraded pictures with their variants (Described()), to
// which the model gave `answers` at temperature 1 (without the variants; labels are not used).
// Changes the out-of-domain score with its limit and the familiarity, which are fitted to them; the
// temperature, which rises until the mean confidence is that of `options` and never falls; and
// abstain_below, the confidence that `trust.abstain_share` of the answers are below. Weights, the
// order of the grades and the normalization of the input stay the same, because ungraded scans do
// not show whether others are better. Returns the changes and adds them to the description's
// metrics as "adaptation".
nlohmann::ordered_json Adapt(const DescribedPictures& known, const Predictions& answers,
                             const AdaptationOptions& options, ModelSpec* spec);

// The same as a section of a model card, in Markdown.
std::string AdaptationCard(const nlohmann::ordered_json& adaptation);

}  // namespace hepar
