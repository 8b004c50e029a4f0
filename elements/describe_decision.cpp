// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/describe_decision.h"

#include "models/decision/frame_state.h"

namespace hepar {
namespace {

constexpr char kUncertain[] = "uncertain";
constexpr char kUnfamiliar[] = "unfamiliar";
constexpr char kNotLiver[] = "not a liver view";

}  // namespace

GstHeparSeverity DescribeDecision(const SeveritySmoother::Decision& decision,
                                  const ModelSpec& spec) {
  GstHeparSeverity severity;
  severity.grade = decision.grade.value_or(-1);
  if (decision.grade) {
    severity.label = spec.class_names[static_cast<std::size_t>(severity.grade)];
  }
  switch (StateOf(decision)) {
    case FrameState::kGraded:
      severity.state = GstHeparState::kGraded;
      break;
    case FrameState::kUncertain:
      severity.state = GstHeparState::kUncertain;
      severity.label = kUncertain;
      break;
    case FrameState::kUnfamiliar:
      severity.state = GstHeparState::kUnfamiliar;
      if (!decision.grade) severity.label = kUnfamiliar;
      break;
    case FrameState::kNotLiver:
      severity.state = GstHeparState::kNotLiver;
      severity.label = kNotLiver;
      break;
  }
  severity.probabilities.assign(decision.probabilities.begin(), decision.probabilities.end());
  severity.class_names = spec.class_names;
  severity.confidence = decision.confidence;
  severity.trust = decision.trust;
  if (decision.domain_score && spec.out_of_domain_above) {
    severity.domain_score = *decision.domain_score / *spec.out_of_domain_above;
  }
  if (decision.familiarity_score && spec.familiarity) {
    severity.familiarity_score = *decision.familiarity_score / spec.familiarity->unfamiliar_above;
  }
  severity.model_name = spec.name;
  severity.model_id = spec.id;
  return severity;
}

}  // namespace hepar
