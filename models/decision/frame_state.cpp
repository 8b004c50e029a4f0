// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/frame_state.h"

#include <algorithm>

namespace hepar {

SeveritySmoother::Options DecisionOptions(const ModelSpec& spec, const DecisionChoices& choices) {
  SeveritySmoother::Options options;
  options.seconds = choices.seconds;
  options.min_confidence = std::max(choices.min_confidence, spec.abstain_below.value_or(0.0));
  if (choices.check_view) options.out_of_domain_above = spec.out_of_domain_above;
  return options;
}

FrameState StateOf(const SeveritySmoother::Decision& decision) {
  if (decision.out_of_domain) return FrameState::kNotLiver;
  return decision.grade ? FrameState::kGraded : FrameState::kUncertain;
}

}  // namespace hepar
