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

bool SeveritySmoother::UpdateScore(double time, const std::optional<double>& score,
                                   const std::optional<double>& limit, bool was_above,
                                   std::optional<double>* average,
                                   std::optional<double>* last_time) const {
  if (!score) {
    average->reset();
    last_time->reset();
    return false;
  }
  const double counted = limit ? std::min(*score, kLargestScore * *limit) : *score;
  const double weight = WeightAt(time, last_time);
  const bool fresh = weight == 1.0 || !*average;
  const double before = fresh ? counted : **average;
  *average = before + weight * (counted - before);
  const bool held = !fresh && was_above;
  return limit && **average > (held ? *limit * (1.0 - options_.domain_hysteresis) : *limit);
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
    const std::vector<float>& probabilities, double time, const std::optional<double>& domain_score,
    const std::optional<double>& familiarity_score) {
  if (probabilities.empty()) {
    throw Error(ErrorKind::kInvalid, "cannot smooth an empty list of probabilities");
  }
  const std::optional<int> previous = decision_.grade;
  const bool was_outside = decision_.out_of_domain, was_unfamiliar = decision_.unfamiliar;

  const auto& limit = options_.out_of_domain_above;
  decision_.out_of_domain = UpdateScore(time, domain_score, limit, was_outside,
                                        &decision_.domain_score, &last_score_time_);
  unfamiliar_ = UpdateScore(time, familiarity_score, options_.unfamiliar_above, unfamiliar_,
                            &decision_.familiarity_score, &last_familiarity_time_);
  // What is no liver is of no scanner that it could be unlike.
  decision_.unfamiliar = unfamiliar_ && !decision_.out_of_domain;
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
  const bool withheld =
      decision_.out_of_domain || (decision_.unfamiliar && options_.withhold_unfamiliar);
  const double least =
      decision_.unfamiliar ? options_.unfamiliar_min_confidence : options_.min_confidence;
  if (!withheld && decision_.confidence >= least) decision_.grade = leader_;
  decision_.changed = !decided_ || decision_.grade != previous ||
                      decision_.out_of_domain != was_outside ||
                      decision_.unfamiliar != was_unfamiliar;
  decided_ = true;
  return decision_;
}

void SeveritySmoother::Reset() {
  last_time_.reset();
  last_score_time_.reset();
  last_familiarity_time_.reset();
  unfamiliar_ = false;
  leader_.reset();
  decided_ = false;
  decision_ = Decision();
}

}  // namespace hepar
