// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/bundle/model_spec.h"
#include "training/evaluation/metrics.h"
#include "training/trust/domain_fit.h"
#include "training/trust/trust_options.h"

namespace hepar {

// Answers of a model, at temperature 1, to frames of patients that it was not trained on.
struct UnseenAnswers {
  Predictions frames;  // Empty: there are none.
  std::string source;  // In words: where they are from, or why there are none.
};

// Fits the temperature and the thresholds of a model into `spec`, and reports the result:
//  - temperature: that minimizes the negative log-likelihood of the unseen answers. Where all of
//  them are
//    correct there is no minimum, and it becomes 1;
//  - abstain_below: the confidence, at that temperature, that the share `abstain_share` of the
//    unseen answers is below, but 1/2 at most: an answer that is more likely right than wrong is
//    given. Empty for a share of 0;
//  - domain: the Gaussian of `known`, pictures of the domain;
//  - out_of_domain_above: the score that the share `false_flags` of `known` is above, where each
//    picture is scored by a model that is fitted to the pictures of other patients.
// Patients weigh the same, however many frames are of them, but in the temperature. Without unseen
// answers temperature and abstain_below stay as they are; with less than three known patients
// domain and out_of_domain_above do.
nlohmann::ordered_json FitTrust(const DescribedPictures& known, const UnseenAnswers& unseen,
                                const TrustOptions& options, ModelSpec* spec);

// The same as text.
std::string TrustText(const nlohmann::ordered_json& trust);

}  // namespace hepar
