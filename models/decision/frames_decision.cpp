// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/frames_decision.h"

#include <algorithm>
#include <cstddef>

#include "models/decision/trust.h"
#include "models/error.h"

namespace hepar {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

// The scores of one kind.
struct ScoresOfFrames {
  std::optional<double> median;  // Empty where a frame has none.
  int above = 0;                 // Frames above the limit.
};

ScoresOfFrames Summarize(const std::vector<PictureScores>& frames,
                         std::optional<double> PictureScores::*score,
                         const std::optional<double>& limit) {
  ScoresOfFrames result;
  std::vector<double> scores;
  for (const PictureScores& frame : frames) {
    if (!(frame.*score)) continue;
    scores.push_back(*(frame.*score));
    if (limit && scores.back() > *limit) ++result.above;
  }
  if (scores.size() == frames.size()) result.median = Median(scores);
  return result;
}

}  // namespace

FramesDecision DecideTogether(const std::vector<PictureScores>& frames,
                              const SeveritySmoother::Options& options) {
  if (frames.empty() || frames[0].probabilities.empty()) {
    throw Error(ErrorKind::kInvalid, "there is no frame to decide by");
  }
  FramesDecision decision;
  decision.frames = static_cast<int>(frames.size());
  decision.probabilities.assign(frames[0].probabilities.size(), 0.0);
  for (const PictureScores& frame : frames) {
    if (frame.probabilities.size() != decision.probabilities.size()) {
      throw Error(ErrorKind::kInvalid, "frames have unlike numbers of probabilities");
    }
    for (std::size_t k = 0; k < frame.probabilities.size(); ++k) {
      decision.probabilities[k] += frame.probabilities[k] / static_cast<double>(frames.size());
    }
  }
  const auto view = Summarize(frames, &PictureScores::domain_score, options.out_of_domain_above);
  const auto scanner =
      Summarize(frames, &PictureScores::familiarity_score, options.unfamiliar_above);
  decision.domain_score = view.median;
  decision.familiarity_score = scanner.median;
  decision.frames_out_of_domain = view.above;
  decision.frames_unfamiliar = scanner.above;
  decision.out_of_domain = 2 * view.above > decision.frames;
  decision.unfamiliar = !decision.out_of_domain && 2 * scanner.above > decision.frames;

  const auto best = std::max_element(decision.probabilities.begin(), decision.probabilities.end());
  decision.confidence = *best;
  const std::vector<float> mean(decision.probabilities.begin(), decision.probabilities.end());
  decision.trust = decision.out_of_domain ? 0.0 : TrustOf(mean);
  const bool withheld =
      decision.out_of_domain || (decision.unfamiliar && options.withhold_unfamiliar);
  const double least =
      decision.unfamiliar ? options.unfamiliar_min_confidence : options.min_confidence;
  if (!withheld && decision.confidence >= least) {
    decision.grade = static_cast<int>(best - decision.probabilities.begin());
  }
  return decision;
}

}  // namespace hepar
