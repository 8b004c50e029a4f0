// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <vector>

namespace hepar {

// Turns the scores of single frames into a steady decision: exponential averaging over time of the
// probabilities and of the two scores of the view, with hysteresis between grades, between views of
// the liver and others, and between familiar and unfamiliar ones, so that a label does not flip
// from frame to frame.
//
// Not thread-safe. Time runs on the caller's clock (stream time), in seconds; a step backwards or
// a gap of more than ten time constants starts afresh.
class SeveritySmoother {
 public:
  struct Options {
    double seconds = 1.0;         // Time constant of the averages; 0 switches smoothing off.
    double hysteresis = 0.05;     // How much more probable another grade must be to take over.
    double min_confidence = 0.0;  // Under this smoothed probability there is no grade.
    // The averaged score over which the view is taken for none of the liver; above 0. Empty: every
    // view is taken for one.
    std::optional<double> out_of_domain_above;
    double domain_hysteresis = 0.05;  // How far under that, as a share of it, the way back lies.
    // The averaged familiarity score over which the scanner or setting is taken for none of the
    // model's own; above 0, with the same hysteresis. Empty: every one is taken for its own.
    std::optional<double> unfamiliar_above;
    bool withhold_unfamiliar = false;  // Whether an unfamiliar view gets no grade.
    // In place of `min_confidence` for an unfamiliar view, whose probabilities are widened: what
    // its confidence is compared with must not be what was fitted to familiar ones.
    double unfamiliar_min_confidence = 0.0;
  };

  struct Decision {
    std::vector<float> probabilities;    // Smoothed; sum 1.
    std::optional<int> grade;            // Empty: too uncertain to say, out of domain or withheld.
    float confidence = 0.f;              // Smoothed probability of the leading grade.
    float trust = 0.f;                   // TrustOf(probabilities); 0 when out of domain.
    bool out_of_domain = false;          // The view is none of the liver.
    bool unfamiliar = false;             // The liver of another scanner or setting.
    std::optional<double> domain_score;  // Smoothed; empty where none was given.
    std::optional<double> familiarity_score;  // Likewise.
    // `grade`, `out_of_domain` or `unfamiliar` is another than before (or the first).
    bool changed = false;
  };

  explicit SeveritySmoother(const Options& options);

  void set_options(const Options& options) { options_ = options; }

  // Takes the probabilities, the out-of-domain score and the familiarity score (none where the
  // model has none) of the frame at `time` seconds. Probabilities of a frame that is itself out of
  // domain say nothing of a liver and do not reach the average, unless there is no other or nothing
  // is smoothed. A score counts with twice the limit at most, so that one look elsewhere is soon
  // forgotten. An empty vector throws Error(kInvalid).
  const Decision& Update(const std::vector<float>& probabilities, double time,
                         const std::optional<double>& domain_score = std::nullopt,
                         const std::optional<double>& familiarity_score = std::nullopt);

  // Forgets everything (flush, seek, scene cut, another model).
  void Reset();

 private:
  // How much a value at `time` counts against the average of those up to `*last`, which becomes
  // `time`; 1: it starts afresh.
  double WeightAt(double time, std::optional<double>* last) const;
  // Averages a score into `*average` and says whether that is above `limit`; `was_above`: whether
  // it was.
  bool UpdateScore(double time, const std::optional<double>& score,
                   const std::optional<double>& limit, bool was_above,
                   std::optional<double>* average, std::optional<double>* last_time) const;
  void UpdateProbabilities(const std::vector<float>& probabilities, double time);

  Options options_;
  std::optional<double> last_time_;                                // Of the averaged probabilities.
  std::optional<double> last_score_time_, last_familiarity_time_;  // Of the averaged scores.
  bool unfamiliar_ = false;                                        // Whatever the view is of.
  std::optional<int> leader_;  // The grade that hysteresis holds on to.
  bool decided_ = false;
  Decision decision_;
};

}  // namespace hepar
