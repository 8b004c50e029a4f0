// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/decision/severity_smoother.h"

#include <algorithm>
#include <cmath>

#include "models/error.h"

namespace hepar {
namespace {

// Past this many time constants the old average weighs nothing; it belongs to another scene.
constexpr double kForgetAfter = 10.0;

}  // namespace

SeveritySmoother::SeveritySmoother(const Options& options) : options_(options) {}

const SeveritySmoother::Decision& SeveritySmoother::Update(const std::vector<float>& probabilities,
                                                           double time) {
  if (probabilities.empty()) {
    throw Error(ErrorKind::kInvalid, "cannot smooth an empty list of probabilities");
  }

  const double elapsed = last_time_ ? time - *last_time_ : 0.0;
  const bool fresh = !last_time_ || elapsed < 0.0 || options_.seconds <= 0.0 ||
                     elapsed > kForgetAfter * options_.seconds ||
                     decision_.probabilities.size() != probabilities.size();
  if (fresh) {
    decision_.probabilities = probabilities;
  } else {
    // Two results at the same instant count once, not never.
    const double weight =
        std::max(1.0 - std::exp(-elapsed / options_.seconds), elapsed == 0.0 ? 1e-3 : 0.0);
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      float& smoothed = decision_.probabilities[i];
      smoothed += static_cast<float>(weight) * (probabilities[i] - smoothed);
    }
  }
  last_time_ = time;

  const auto& smoothed = decision_.probabilities;
  const int best =
      static_cast<int>(std::max_element(smoothed.begin(), smoothed.end()) - smoothed.begin());
  const bool holds = !fresh && leader_ && *leader_ < static_cast<int>(smoothed.size());
  const bool overtaken = holds && smoothed[best] > smoothed[*leader_] + options_.hysteresis;
  if (!holds || overtaken) leader_ = best;

  const std::optional<int> previous = decision_.grade;
  decision_.confidence = smoothed[*leader_];
  decision_.grade.reset();
  if (decision_.confidence >= options_.min_confidence) decision_.grade = leader_;
  decision_.changed = !decided_ || decision_.grade != previous;
  decided_ = true;
  return decision_;
}

void SeveritySmoother::Reset() {
  last_time_.reset();
  leader_.reset();
  decided_ = false;
  decision_ = Decision();
}

}  // namespace hepar
