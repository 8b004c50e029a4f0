// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/severity_smoother.h"

#include <algorithm>
#include <cmath>

#include "models/decision/trust.h"
#include "models/error.h"

namespace hepar {
namespace {

// Past this many time constants the old average weighs nothing; it belongs to another scene.
constexpr double kForgetAfter = 10.0;

// What a score counts with at most, in limits.
constexpr double kLargestScore = 2.0;

}  // namespace

SeveritySmoother::SeveritySmoother(const Options& options) : options_(options) {}

double SeveritySmoother::WeightAt(double time, std::optional<double>* last) const {
  const double elapsed = *last ? time - **last : 0.0;
  const bool fresh = !*last || elapsed < 0.0 || options_.seconds <= 0.0 ||
                     elapsed > kForgetAfter * options_.seconds;
  *last = time;
  if (fresh) return 1.0;
  // Two results at the same instant count once, not never.
  return elapsed == 0.0 ? 1e-3 : 1.0 - std::exp(-elapsed / options_.seconds);
}

void SeveritySmoother::UpdateDomain(double time, const std::optional<double>& score) {
  const auto& limit = options_.out_of_domain_above;
  if (!score) {
    decision_.domain_score.reset();
    decision_.out_of_domain = false;
    last_score_time_.reset();
    return;
  }
  const double counted = limit ? std::min(*score, kLargestScore * *limit) : *score;
  const double weight = WeightAt(time, &last_score_time_);
  const bool fresh = weight == 1.0 || !decision_.domain_score;
  const double before = fresh ? counted : *decision_.domain_score;
  decision_.domain_score = before + weight * (counted - before);
  const bool held = !fresh && decision_.out_of_domain;
  decision_.out_of_domain =
      limit &&
      *decision_.domain_score > (held ? *limit * (1.0 - options_.domain_hysteresis) : *limit);
}

void SeveritySmoother::UpdateProbabilities(const std::vector<float>& probabilities, double time) {
  auto& smoothed = decision_.probabilities;
  double weight = WeightAt(time, &last_time_);
  if (smoothed.size() != probabilities.size()) weight = 1.0;
  if (weight == 1.0) {
    smoothed = probabilities;
  } else {
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      smoothed[i] += static_cast<float>(weight) * (probabilities[i] - smoothed[i]);
    }
  }

  const int best =
      static_cast<int>(std::max_element(smoothed.begin(), smoothed.end()) - smoothed.begin());
  const bool holds = weight < 1.0 && leader_ && *leader_ < static_cast<int>(smoothed.size());
  const bool overtaken = holds && smoothed[best] > smoothed[*leader_] + options_.hysteresis;
  if (!holds || overtaken) leader_ = best;
}

const SeveritySmoother::Decision& SeveritySmoother::Update(
    const std::vector<float>& probabilities, double time,
    const std::optional<double>& domain_score) {
  if (probabilities.empty()) {
    throw Error(ErrorKind::kInvalid, "cannot smooth an empty list of probabilities");
  }
  const std::optional<int> previous = decision_.grade;
  const bool was_outside = decision_.out_of_domain;

  UpdateDomain(time, domain_score);
  const auto& limit = options_.out_of_domain_above;
  const bool frame_is_outside = limit && domain_score && *domain_score > *limit;
  const bool known = decision_.probabilities.size() == probabilities.size();
  if (!frame_is_outside || !known || options_.seconds <= 0.0) {
    UpdateProbabilities(probabilities, time);
    // The first look elsewhere must not weigh on the grades that follow.
    if (frame_is_outside) last_time_.reset();
  }

  decision_.confidence = decision_.probabilities[*leader_];
  decision_.trust =
      decision_.out_of_domain ? 0.f : static_cast<float>(TrustOf(decision_.probabilities));
  decision_.grade.reset();
  if (!decision_.out_of_domain && decision_.confidence >= options_.min_confidence) {
    decision_.grade = leader_;
  }
  decision_.changed =
      !decided_ || decision_.grade != previous || decision_.out_of_domain != was_outside;
  decided_ = true;
  return decision_;
}

void SeveritySmoother::Reset() {
  last_time_.reset();
  last_score_time_.reset();
  leader_.reset();
  decided_ = false;
  decision_ = Decision();
}

}  // namespace hepar
