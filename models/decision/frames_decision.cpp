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

}  // namespace

FramesDecision DecideTogether(const std::vector<PictureScores>& frames,
                              const FramesDecisionOptions& options) {
  if (frames.empty() || frames[0].probabilities.empty()) {
    throw Error(ErrorKind::kInvalid, "there is no frame to decide by");
  }
  FramesDecision decision;
  decision.frames = static_cast<int>(frames.size());
  decision.probabilities.assign(frames[0].probabilities.size(), 0.0);
  std::vector<double> scores;
  for (const PictureScores& frame : frames) {
    if (frame.probabilities.size() != decision.probabilities.size()) {
      throw Error(ErrorKind::kInvalid, "frames have unlike numbers of probabilities");
    }
    for (std::size_t k = 0; k < frame.probabilities.size(); ++k) {
      decision.probabilities[k] += frame.probabilities[k] / static_cast<double>(frames.size());
    }
    if (!frame.domain_score) continue;
    scores.push_back(*frame.domain_score);
    const auto& limit = options.out_of_domain_above;
    if (limit && *frame.domain_score > *limit) ++decision.frames_out_of_domain;
  }
  if (scores.size() == frames.size()) decision.domain_score = Median(scores);
  decision.out_of_domain = 2 * decision.frames_out_of_domain > decision.frames;

  const auto best = std::max_element(decision.probabilities.begin(), decision.probabilities.end());
  decision.confidence = *best;
  const std::vector<float> mean(decision.probabilities.begin(), decision.probabilities.end());
  decision.trust = decision.out_of_domain ? 0.0 : TrustOf(mean);
  if (!decision.out_of_domain && decision.confidence >= options.min_confidence) {
    decision.grade = static_cast<int>(best - decision.probabilities.begin());
  }
  return decision;
}

}  // namespace hepar
