// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/result_watch.h"

#include <cmath>

namespace hepar {

bool ResultWatch::Add(double seconds, bool has_result) {
  ++frames_;
  if (has_result) settled_ = true;
  if (settled_) return false;
  if (!first_) first_ = seconds;
  settled_ = std::abs(seconds - *first_) >= kSeconds;  // Playback may be in reverse.
  return settled_;
}

bool ResultWatch::End() {
  const bool missing = frames_ > 0 && !settled_;
  settled_ = settled_ || missing;
  return missing;
}

}  // namespace hepar
