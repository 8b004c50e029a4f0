// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>

namespace hepar {

// Counts the frames of a source and says when each is shown. Times are counted from the last change
// of the frame rate, so that rounding errors do not add up. Not thread-safe.
class FrameTimeline {
 public:
  // Goes on at `numerator` / `denominator` frames a second. A numerator of 0 is a still: one frame
  // without a duration.
  void SetRate(int numerator, int denominator);

  // Goes to the frame that is shown at `time`, and returns when that frame begins.
  GstClockTime Seek(GstClockTime time);

  // Goes to the next frame.
  void Advance();

  GstClockTime now() const { return TimeOf(since_start_); }
  guint64 frame() const { return frame_; }  // Number of the present frame.

  // Whether the only frame of a still has passed.
  bool ended() const { return still() && since_start_ > 0; }

  // The time from the present frame to the next; empty for a still.
  std::optional<GstClockTime> next_duration() const;

  // One frame's time at the present rate; empty for a still.
  std::optional<GstClockTime> frame_duration() const;

 private:
  bool still() const { return numerator_ == 0; }
  GstClockTime TimeOf(guint64 number) const;

  int numerator_ = 0;
  int denominator_ = 1;
  GstClockTime start_ = 0;
  guint64 since_start_ = 0;
  guint64 frame_ = 0;
};

}  // namespace hepar
