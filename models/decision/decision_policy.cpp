// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/decision_policy.h"

namespace hepar {

const SeveritySmoother::Decision& DecisionPolicy::Decide(const ModelSpec& spec,
                                                         const DecisionChoices& choices,
                                                         const FrameScores& scores) {
  if (last_number_ && *last_number_ < scene_begin_ && scores.number >= scene_begin_) {
    smoother_.Reset();
  }
  last_number_ = scores.number;

  smoother_.set_options(DecisionOptions(spec, choices));
  return smoother_.Update(scores.probabilities, scores.seconds, scores.domain_score,
                          scores.familiarity_score);
}

void DecisionPolicy::Reset() {
  smoother_.Reset();
  last_number_.reset();
}

}  // namespace hepar
