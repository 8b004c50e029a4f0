// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>

namespace hepar {

// Notices that the frames of a stream carry no result, so that somebody can be told once. Not
// thread-safe.
class ResultWatch {
 public:
  // Seconds of video without any result after which Add() says so.
  static constexpr double kSeconds = 5.0;

  // A frame passed at `seconds` of stream time. Returns true once, when it is time to say that no
  // frame so far had a result.
  bool Add(double seconds, bool has_result);

  // The stream ended. Returns true if there were frames, none had a result, and Add() did not say
  // so.
  bool End();

  // The stream goes on at another time: a seek.
  void Jump() { first_.reset(); }

  guint64 frames() const { return frames_; }

  // Another stream begins.
  void Reset() { *this = ResultWatch(); }

 private:
  bool settled_ = false;  // A result was seen, or its absence was said.
  guint64 frames_ = 0;
  std::optional<double> first_;
};

}  // namespace hepar
