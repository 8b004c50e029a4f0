// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/domain_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void Check(const DomainScores& scores) {
  if (scores.groups.size() != scores.over_limit.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(scores.over_limit.size()) +
                                         " scores, but " + std::to_string(scores.groups.size()) +
                                         " groups");
  }
  for (std::size_t i = 0; i < scores.over_limit.size(); ++i) {
    if (!std::isnan(scores.over_limit[i])) continue;
    throw Error(ErrorKind::kInvalid, "score " + std::to_string(i) + " is not a number");
  }
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Interval ShareInterval(const DomainScores& scores, double limit,
                       const BootstrapOptions& bootstrap) {
  PatientResampler resampler(scores.groups, bootstrap.seed);
  std::vector<double> shares;
  for (int i = 0; i < bootstrap.resamples; ++i) {
    const std::vector<int>& counts = resampler.Next();
    double flagged = 0.0, frames = 0.0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      frames += counts[k];
      if (scores.over_limit[k] > limit) flagged += counts[k];
    }
    shares.push_back(flagged / frames);
  }
  return PercentileInterval(std::move(shares));
}

}  // namespace

std::vector<GroupShare> ShareByGroup(const DomainScores& scores, double limit) {
  Check(scores);
  std::map<std::string, std::vector<double>> of_group;
  for (std::size_t i = 0; i < scores.groups.size(); ++i) {
    of_group[scores.groups[i]].push_back(scores.over_limit[i]);
  }
  std::vector<GroupShare> shares;
  for (const auto& [name, values] : of_group) {
    const auto flagged = std::count_if(values.begin(), values.end(),
                                       [limit](double value) { return value > limit; });
    shares.push_back(
        {name, static_cast<int>(values.size()), static_cast<int>(flagged), Median(values)});
  }
  return shares;
}

FlaggedShare ShareFlagged(const DomainScores& scores, double limit,
                          const BootstrapOptions& bootstrap) {
  FlaggedShare share;
  for (const GroupShare& group : ShareByGroup(scores, limit)) {
    share.frames += group.frames;
    share.flagged += group.flagged;
    ++share.groups;
    if (2 * group.flagged > group.frames) ++share.groups_flagged;
  }
  share.share = share.frames == 0 ? kNan : static_cast<double>(share.flagged) / share.frames;
  share.interval =
      share.frames == 0 ? Interval{kNan, kNan} : ShareInterval(scores, limit, bootstrap);
  share.groups_wilson = WilsonInterval(share.groups_flagged, share.groups);
  return share;
}

double LimitOfFalseFlags(const DomainScores& liver, double rate) {
  Check(liver);
  if (!(rate >= 0.0 && rate <= 1.0)) {
    throw Error(ErrorKind::kInvalid,
                "rate of false flags is " + std::to_string(rate) + ", expected 0 to 1");
  }
  if (liver.over_limit.empty()) return kNan;
  std::vector<double> sorted = liver.over_limit;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const auto allowed = static_cast<std::size_t>(rate * static_cast<double>(sorted.size()));
  return sorted[std::min(allowed, sorted.size() - 1)];
}

double DomainAuc(const DomainScores& liver, const DomainScores& other) {
  Check(liver);
  Check(other);
  std::vector<double> scores = liver.over_limit;
  std::vector<bool> positive(scores.size(), false);
  scores.insert(scores.end(), other.over_limit.begin(), other.over_limit.end());
  positive.resize(scores.size(), true);
  return RocAuc(scores, positive);
}

}  // namespace hepar
