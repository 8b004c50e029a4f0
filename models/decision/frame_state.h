// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/bundle/model_spec.h"
#include "models/decision/frames_decision.h"
#include "models/decision/severity_smoother.h"

namespace hepar {

// What a decision says about a frame.
enum class FrameState {
  kGraded,
  kUncertain,   // A liver view of a familiar scanner, but too little confidence for a grade.
  kUnfamiliar,  // A liver view of an unfamiliar scanner or setting, with or without a grade.
  kNotLiver,    // An out-of-distribution view.
};

// What a user chooses for decisions; the rest comes from the model.
struct DecisionChoices {
  double seconds = 0.0;              // Time constant of the averages; 0 switches smoothing off.
  double min_confidence = 0.0;       // The model may require more (abstain_below).
  bool check_view = true;            // Whether out-of-distribution views get no grade.
  bool withhold_unfamiliar = false;  // Whether views of unfamiliar scanners get no grade.
};

// The options of a SeveritySmoother for the model `spec`: its thresholds and the user's choices.
// The confidence that the model requires was fitted to its own scanners, so views of unfamiliar
// scanners need that of `choices` only.
SeveritySmoother::Options DecisionOptions(const ModelSpec& spec, const DecisionChoices& choices);

FrameState StateOf(const SeveritySmoother::Decision& decision);
FrameState StateOf(const FramesDecision& decision);

// "graded", "uncertain", "unfamiliar" or "not-liver".
const char* ToString(FrameState state);

}  // namespace hepar
