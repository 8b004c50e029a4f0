// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/roc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Error Invalid(const std::string& what) { return Error(ErrorKind::kInvalid, what); }

}  // namespace

RankedScores::RankedScores(const std::vector<double>& scores, const std::vector<bool>& positive)
    : order_(scores.size()) {
  if (scores.size() != positive.size()) {
    throw Invalid("there are " + std::to_string(scores.size()) + " scores, but " +
                  std::to_string(positive.size()) + " truths");
  }
  if (std::any_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); })) {
    throw Invalid("a score is not a number, so the cases have no order");
  }
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [&scores](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  for (const std::size_t i : order_) {
    scores_.push_back(scores[i]);
    positive_.push_back(positive[i]);
  }
}

double RankedScores::Auc() const { return Auc(std::vector<int>(scores_.size(), 1)); }

double RankedScores::Auc(const std::vector<int>& counts) const {
  if (counts.size() != scores_.size()) {
    throw Invalid("there are " + std::to_string(counts.size()) + " counts for " +
                  std::to_string(scores_.size()) + " scores");
  }
  // Counts, over all pairs, how often the positive is above the negative.
  double wins = 0.0, positives = 0.0, negatives = 0.0;
  for (std::size_t begin = 0; begin < scores_.size();) {
    std::size_t end = begin;
    double tied_positives = 0.0, tied_negatives = 0.0;
    for (; end < scores_.size() && scores_[end] == scores_[begin]; ++end) {
      (positive_[end] ? tied_positives : tied_negatives) += counts[order_[end]];
    }
    wins += tied_positives * (negatives + tied_negatives / 2.0);
    positives += tied_positives;
    negatives += tied_negatives;
    begin = end;
  }
  return positives == 0.0 || negatives == 0.0 ? kNan : wins / (positives * negatives);
}

std::vector<RankedScores::Cut> RankedScores::Cuts() const {
  const auto positives = std::count(positive_.begin(), positive_.end(), true);
  const auto negatives = static_cast<std::ptrdiff_t>(positive_.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  // Below all scores everything is positive.
  std::vector<Cut> cuts = {{-std::numeric_limits<double>::infinity(), 1.0, 0.0}};
  std::ptrdiff_t missed = 0, cleared = 0;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    if (i > 0 && scores_[i] != scores_[i - 1]) {
      cuts.push_back({scores_[i - 1] + (scores_[i] - scores_[i - 1]) / 2.0,
                      1.0 - static_cast<double>(missed) / positives,
                      static_cast<double>(cleared) / negatives});
    }
    ++(positive_[i] ? missed : cleared);
  }
  return cuts;
}

std::vector<RocPoint> RankedScores::Curve() const {
  const auto cuts = Cuts();
  if (cuts.empty()) return {};
  std::vector<RocPoint> curve = {{0.0, 0.0}};
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    const RocPoint point = {1.0 - cut->specificity, cut->sensitivity};
    // What lies on a level or upright line between its neighbors is no corner.
    if (curve.size() > 1) {
      const RocPoint &before = curve[curve.size() - 2], &last = curve.back();
      if ((before.sensitivity == last.sensitivity && last.sensitivity == point.sensitivity) ||
          (before.false_positive_rate == last.false_positive_rate &&
           last.false_positive_rate == point.false_positive_rate)) {
        curve.pop_back();
      }
    }
    curve.push_back(point);
  }
  return curve;
}

double RankedScores::YoudenThreshold() const {
  const auto cuts = Cuts();
  if (cuts.size() < 2) return kNan;
  // The first point, below all scores, separates nothing, so it is not a choice.
  const auto best = std::max_element(cuts.begin() + 1, cuts.end(), [](const Cut& a, const Cut& b) {
    // Equal sums differ by rounding.
    return a.sensitivity + a.specificity + 1e-12 < b.sensitivity + b.specificity;
  });
  return best->threshold;
}

double RankedScores::ThresholdOfSensitivity(double sensitivity) const {
  if (!(sensitivity >= 0.0 && sensitivity <= 1.0)) {
    throw Invalid("the required sensitivity is " + std::to_string(sensitivity) +
                  ", expected 0 to 1");
  }
  const auto cuts = Cuts();
  if (cuts.size() < 2) return kNan;
  const auto best = std::find_if(cuts.rbegin(), cuts.rend(), [sensitivity](const Cut& cut) {
    return cut.sensitivity >= sensitivity - 1e-12;
  });
  return best->threshold;
}

std::vector<double> GradeScores(const Predictions& predictions, int threshold) {
  std::vector<double> scores;
  for (const auto& probabilities : predictions.probabilities) {
    const auto from =
        std::clamp<std::ptrdiff_t>(threshold, 0, static_cast<std::ptrdiff_t>(probabilities.size()));
    scores.push_back(std::accumulate(probabilities.begin() + from, probabilities.end(), 0.0));
  }
  return scores;
}

std::vector<bool> GradeTruths(const Predictions& predictions, int threshold) {
  std::vector<bool> truths;
  for (const int label : predictions.labels) truths.push_back(label >= threshold);
  return truths;
}

RankedScores RankedGrades(const Predictions& predictions, int threshold) {
  return RankedScores(GradeScores(predictions, threshold), GradeTruths(predictions, threshold));
}

Dichotomy AtCut(const Predictions& predictions, int threshold, double cut) {
  const auto scores = GradeScores(predictions, threshold);
  const auto truths = GradeTruths(predictions, threshold);
  Dichotomy table;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool answer = scores[i] >= cut;
    if (truths[i]) {
      ++(answer ? table.true_positives : table.false_negatives);
    } else {
      ++(answer ? table.false_positives : table.true_negatives);
    }
  }
  return table;
}

}  // namespace hepar
