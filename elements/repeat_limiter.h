// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <string>

namespace hepar {

// Lets a text through at most once a second while it repeats: each frame may fail for the same
// reason, and a bus that nobody reads fast enough grows without bound. Not thread-safe.
class RepeatLimiter {
 public:
  // Whether `text` may be posted at `now`, monotonic time in microseconds.
  bool Allow(const std::string& text, gint64 now);

  void Reset() { text_.clear(); }

 private:
  std::string text_;
  gint64 time_ = 0;
};

}  // namespace hepar
