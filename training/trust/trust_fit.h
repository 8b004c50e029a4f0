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

// Pictures of other scanners and of other organs, without grades. All may be empty.
struct OtherPictures {
  DescribedPictures livers, views;  // Without changed copies.
  Predictions liver_answers;  // Of the model at temperature 1 to `livers`; the labels are not used.
};

// Fits the temperature and the thresholds of a model into `spec`, and reports the result:
//  - temperature: that minimizes the negative log-likelihood of the unseen answers. Where all of
//    them are correct there is no minimum, and it becomes 1;
//  - abstain_below: the confidence, at that temperature, that the share `abstain_share` of the
//    unseen answers is below, but 1/2 at most: an answer that is more likely right than wrong is
//    given. Empty for a share of 0;
//  - domain: the Gaussian of `known`, pictures of the domain;
//  - out_of_domain_above: kViewMargin times the score that 5 % of `known` are above, where each
//    picture is scored by a model that is fitted to the pictures of other patients: livers of other
//    scanners lie between the two. With other livers and other views, the limit is the geometric
//    mean of the score that 10 % of the livers are above and the one that 5 % of the views are
//    below. Only one of the two moves the limit no further than necessary: up to the score that 5 %
//    of the livers are above, or down to the one that 5 % of the views are below. It is at least
//    the score that 5 % of `known` are above;
//  - familiarity: the same Gaussian with kScannerShrinkage; `unfamiliar_above` is the score that
//    the share `unfamiliar_share` of `known` is above, likewise, and `full_doubt_above` kDoubtRange
//    times that. `evidence` reduces the mean confidence of the answers to other livers to
//    `unfamiliar_confidence`. Without such answers they are assumed to be certain. It is at most
//    kMostEvidence, so that no answer keeps a probability of 0.9.
// Patients weigh the same, however many frames are of them, but in the temperature. Without unseen
// answers temperature and abstain_below stay as they are; with less than three known patients
// domain and out_of_domain_above do.
nlohmann::ordered_json FitTrust(const DescribedPictures& known, const UnseenAnswers& unseen,
                                const TrustOptions& options, ModelSpec* spec,
                                const OtherPictures& others = {});
inline constexpr double kViewMargin = 1.75;
inline constexpr double kDoubtRange = 1.1;
inline constexpr double kMostEvidence = 0.85;

// The same as text.
std::string TrustText(const nlohmann::ordered_json& trust);

}  // namespace hepar
