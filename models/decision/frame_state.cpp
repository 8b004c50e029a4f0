// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/frame_state.h"

#include <algorithm>

namespace hepar {
namespace {

template <typename Decision>
FrameState StateOfDecision(const Decision& decision) {
  if (decision.out_of_domain) return FrameState::kNotLiver;
  if (decision.unfamiliar) return FrameState::kUnfamiliar;
  return decision.grade ? FrameState::kGraded : FrameState::kUncertain;
}

}  // namespace

SeveritySmoother::Options DecisionOptions(const ModelSpec& spec, const DecisionChoices& choices) {
  SeveritySmoother::Options options;
  options.seconds = choices.seconds;
  options.min_confidence = std::max(choices.min_confidence, spec.abstain_below.value_or(0.0));
  options.unfamiliar_min_confidence = choices.min_confidence;
  if (choices.check_view) options.out_of_domain_above = spec.out_of_domain_above;
  if (spec.familiarity) options.unfamiliar_above = spec.familiarity->unfamiliar_above;
  options.withhold_unfamiliar = choices.withhold_unfamiliar;
  return options;
}

FrameState StateOf(const SeveritySmoother::Decision& decision) { return StateOfDecision(decision); }

FrameState StateOf(const FramesDecision& decision) { return StateOfDecision(decision); }

const char* ToString(FrameState state) {
  switch (state) {
    case FrameState::kGraded:
      return "graded";
    case FrameState::kUncertain:
      return "uncertain";
    case FrameState::kUnfamiliar:
      return "unfamiliar";
    case FrameState::kNotLiver:
      return "not-liver";
  }
  return "";
}

}  // namespace hepar
