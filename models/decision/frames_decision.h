// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

#include "models/decision/severity_smoother.h"

namespace hepar {

// The scores of one frame, as Severity (models/engine/engine.h) has them.
struct PictureScores {
  std::vector<double> probabilities;                       // Sum 1.
  std::optional<double> domain_score;                      // Empty where the model has none.
  std::optional<double> familiarity_score = std::nullopt;  // Likewise.
};

// What the frames of one file or patient say together, without regard to their order in time
// (SeveritySmoother is for streams).
struct FramesDecision {
  std::vector<double> probabilities;  // The mean of all frames.
  std::optional<int> grade;           // Empty: too uncertain to say, no liver view, or withheld.
  double confidence = 0.0;            // The largest of `probabilities`.
  double trust = 0.0;                 // TrustOf(probabilities); 0 when out of domain.
  bool out_of_domain = false;         // More than half of the frames are above the limit.
  bool unfamiliar = false;            // The same of the familiarity score, and not out of domain.
  int frames = 0, frames_out_of_domain = 0, frames_unfamiliar = 0;
  // Medians of the frames; empty where one has none.
  std::optional<double> domain_score, familiarity_score;
};

// Mean and majority are those by which `hepar evaluate` scores patients and flags groups; for one
// frame the result is that of a fresh SeveritySmoother with the same options (DecisionOptions() of
// models/decision/frame_state.h); those that concern time have no effect. Throws Error(kInvalid)
// without a frame, and for frames with unlike numbers of probabilities.
FramesDecision DecideTogether(const std::vector<PictureScores>& frames,
                              const SeveritySmoother::Options& options);

}  // namespace hepar
