// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/evaluation/bootstrap.h"
#include "training/evaluation/statistics.h"

namespace hepar {

// How well models detect out-of-distribution views. Scores are given over the limit of the
// model that gave them, so that those of several models go together: above 1 a frame is flagged.
struct DomainScores {
  std::vector<double> over_limit;   // Of each frame; of several models, of each once.
  std::vector<std::string> groups;  // What the frame is from: a patient, or a clip.
};

// How much of a set is flagged, by frame and by group. Shares without a case are NaN.
struct FlaggedShare {
  int frames = 0, flagged = 0;
  double share = 0.0;  // Of the frames.
  Interval interval;   // Of that, 95 %: percentiles over resampled groups; NaN without resamples.
  int groups = 0, groups_flagged = 0;  // Flagged: more than half of its frames are.
  Interval groups_wilson;
};

// The scores above `limit` (1: the limit of the models). Throws Error(kInvalid) for parts of unlike
// length and for a score that is not a number.
FlaggedShare ShareFlagged(const DomainScores& scores, double limit,
                          const BootstrapOptions& bootstrap);

// The same of each group, sorted by name. Without intervals, as the frames of one group are no
// independent cases.
struct GroupShare {
  std::string name;
  int frames = 0, flagged = 0;
  double median = 0.0;  // Of its scores.
};
std::vector<GroupShare> ShareByGroup(const DomainScores& scores, double limit);

// The lowest limit that flags no more than `rate`, 0..1, of these frames. NaN without frames.
double LimitOfFalseFlags(const DomainScores& liver, double rate);

// Area under the ROC curve of telling `other` from `liver`; NaN where one of them is empty.
double DomainAuc(const DomainScores& liver, const DomainScores& other);

}  // namespace hepar
