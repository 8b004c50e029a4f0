// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/bundle/model_spec.h"
#include "models/decision/frame_state.h"
#include "models/decision/severity_smoother.h"

namespace hepar {

// The scores of one frame, as a stream's decision takes them.
struct FrameScores {
  std::uint64_t number = 0;  // Of the frame in its stream.
  double seconds = 0.0;      // Time of the frame on the caller's clock.
  std::vector<float> probabilities;
  std::optional<double> domain_score;       // Empty where the model has none.
  std::optional<double> familiarity_score;  // Likewise.
};

// Decides on the grade of a stream from the scores of its frames: combines the user's choices with
// the model's thresholds, and begins the averages again at a new scene. Results may
// arrive later than the frame of the cut, so scenes are told apart by frame numbers.
//
// Not thread-safe.
class DecisionPolicy {
 public:
  // The scene changed: frames from `number` on have nothing to do with the ones before.
  void BeginScene(std::uint64_t number) { scene_begin_ = number; }

  // Takes the scores of a frame of the model `spec`. Throws Error(kInvalid) for scores without
  // probabilities.
  const SeveritySmoother::Decision& Decide(const ModelSpec& spec, const DecisionChoices& choices,
                                           const FrameScores& scores);

  // Forgets the frames so far: flush, seek, another model.
  void Reset();

 private:
  SeveritySmoother smoother_{SeveritySmoother::Options()};
  std::uint64_t scene_begin_ = 0;
  std::optional<std::uint64_t> last_number_;
};

}  // namespace hepar
