// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>
#include <vector>

#include "elements/grading_stats.h"
#include "elements/gstheparseveritymeta.h"

namespace hepar {

// Sums up what was graded between two points of a stream: the message `hepar-summary`. Not
// thread-safe.
class GradingSummary {
 public:
  // Begins again. Frames in `counts`, and those of them that are still in work, are not part of the
  // new summary.
  void Begin(const FrameCounts& counts);

  // A frame got a result. The raw probabilities of liver views are averaged. A model with another
  // number of classes begins the mean and the seconds of each grade again.
  void AddResult(const GstHeparSeverity& severity);

  // `severity` was shown for `seconds`. The seconds of a grade are those of familiar scanners.
  void AddSeconds(const GstHeparSeverity& severity, double seconds);

  // The counts since Begin(), when `counts` are those of now.
  FrameCounts Since(const FrameCounts& counts) const;

  // The structure `hepar-summary`: the last severity, the counts, mean probabilities and seconds.
  // An array without values is left out, because an empty GStreamer array has no element type. The
  // caller owns the structure.
  GstStructure* ToStructure(const FrameCounts& counts) const;

 private:
  void ResizeFor(std::size_t classes);

  FrameCounts begin_;
  std::optional<GstHeparSeverity> last_;
  std::vector<double> probability_sums_;
  guint64 graded_ = 0;
  std::vector<double> seconds_;
  double uncertain_seconds_ = 0.0;
  double unfamiliar_seconds_ = 0.0;
  double not_liver_seconds_ = 0.0;
};

}  // namespace hepar
