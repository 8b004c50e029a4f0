// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elements/gstheparseveritymeta.h"

namespace hepar {

// Tells the frames that bring a new result from those that carry an older one. In mode `newest` no
// frame is fresh: a result first appears on a later frame than the one that was graded. Not
// thread-safe.
class ResultNews {
 public:
  // Takes the severity of the next frame. `graded` is the stream time of the frame that was graded,
  // if it is known.
  bool IsNew(const GstHeparSeverity& severity, const std::optional<GstClockTime>& graded);

  // Takes a severity; returns true if its label or state differs from that of the call before.
  bool IsChange(const GstHeparSeverity& severity);

  void Reset() { *this = ResultNews(); }

 private:
  struct Seen {
    std::optional<GstClockTime> graded;
    GstClockTime inference_time;
    std::vector<double> raw_probabilities;
  };
  std::optional<Seen> seen_;
  std::optional<std::pair<std::string, GstHeparState>> state_;
};

}  // namespace hepar
