// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/abstention.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>

#include "models/error.h"

namespace hepar {

AbstentionCurve Abstention(const Answers& answers) {
  const std::size_t cases = answers.confidences.size();
  if (answers.right.size() != cases) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(cases) + " confidences, but " +
                                         std::to_string(answers.right.size()) + " outcomes");
  }
  std::vector<std::size_t> order(cases);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&answers](std::size_t a, std::size_t b) {
    return answers.confidences[a] > answers.confidences[b];
  });

  AbstentionCurve curve;
  double hits = 0.0;
  for (std::size_t begin = 0; begin < cases;) {
    const double confidence = answers.confidences[order[begin]];
    std::size_t end = begin;
    double tied_hits = 0.0;
    for (; end < cases && answers.confidences[order[end]] == confidence; ++end) {
      tied_hits += answers.right[order[end]] ? 1.0 : 0.0;
    }
    for (std::size_t k = begin; k < end; ++k) {
      const double share = static_cast<double>(k + 1 - begin) / static_cast<double>(end - begin);
      curve.points.push_back({static_cast<double>(k + 1) / cases,
                              (hits + share * tied_hits) / static_cast<double>(k + 1), confidence});
    }
    hits += tied_hits;
    begin = end;
  }
  double sum = 0.0;
  for (const AbstentionPoint& point : curve.points) sum += point.accuracy;
  curve.area = cases == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / cases;
  return curve;
}

}  // namespace hepar
