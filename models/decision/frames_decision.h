// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

namespace hepar {

// The scores of one frame, as Severity (models/engine/engine.h) has them.
struct PictureScores {
  std::vector<double> probabilities;   // Sum 1.
  std::optional<double> domain_score;  // Empty where the model has none.
};

// What the frames of one file or patient say together, without regard to their order in time
// (SeveritySmoother is for streams).
struct FramesDecision {
  std::vector<double> probabilities;  // The mean of all frames.
  std::optional<int> grade;           // Empty: too uncertain to say, or no view of a liver.
  double confidence = 0.0;            // The largest of `probabilities`.
  double trust = 0.0;                 // TrustOf(probabilities); 0 when out of domain.
  bool out_of_domain = false;         // More than half of the frames are above the limit.
  int frames = 0, frames_out_of_domain = 0;
  std::optional<double> domain_score;  // Median of the frames; empty where one has none.
};

struct FramesDecisionOptions {
  double min_confidence = 0.0;  // Under this mean probability there is no grade.
  // The score above which a frame is no view of a liver. Empty: every frame is one.
  std::optional<double> out_of_domain_above;
};

// Mean and majority are those by which `hepar evaluate` scores patients and flags groups; for one
// frame the result is that of a fresh SeveritySmoother. Throws Error(kInvalid) without a frame, and
// for frames with unlike numbers of probabilities.
FramesDecision DecideTogether(const std::vector<PictureScores>& frames,
                              const FramesDecisionOptions& options);

}  // namespace hepar
