// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

namespace hepar {

// Turns the scores of single frames into a steady grade: exponential averaging of the probabilities
// over time, with hysteresis between grades, so that a label does not flip from frame to frame.
//
// Not thread-safe. Time runs on the caller's clock (stream time), in seconds; a step backwards or
// a gap of more than ten time constants starts afresh.
class SeveritySmoother {
 public:
  struct Options {
    double seconds = 1.0;         // Time constant of the average; 0 switches smoothing off.
    double hysteresis = 0.05;     // How much more probable another grade must be to take over.
    double min_confidence = 0.0;  // Under this smoothed probability there is no grade.
  };

  struct Decision {
    std::vector<float> probabilities;  // Smoothed; sum 1.
    std::optional<int> grade;          // Empty: too uncertain to say.
    float confidence = 0.f;            // Smoothed probability of the leading grade.
    bool changed = false;  // `grade` differs from the decision before (or is the first).
  };

  explicit SeveritySmoother(const Options& options);

  void set_options(const Options& options) { options_ = options; }

  // Takes the probabilities of the frame at `time` seconds. An empty vector throws Error(kInvalid).
  const Decision& Update(const std::vector<float>& probabilities, double time);

  // Forgets everything (flush, seek, scene cut, another model).
  void Reset();

 private:
  Options options_;
  std::optional<double> last_time_;
  std::optional<int> leader_;  // The grade that hysteresis holds on to.
  bool decided_ = false;
  Decision decision_;
};

}  // namespace hepar
