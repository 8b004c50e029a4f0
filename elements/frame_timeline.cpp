// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_timeline.h"

namespace hepar {

GstClockTime FrameTimeline::TimeOf(guint64 number) const {
  if (still()) return start_;
  return start_ +
         gst_util_uint64_scale(number, GST_SECOND * static_cast<guint64>(denominator_), numerator_);
}

void FrameTimeline::SetRate(int numerator, int denominator) {
  start_ = now();
  since_start_ = 0;
  numerator_ = numerator;
  denominator_ = denominator;
}

GstClockTime FrameTimeline::Seek(GstClockTime time) {
  if (still()) {
    start_ = time;
    since_start_ = 0;
  } else {
    start_ = 0;
    since_start_ = gst_util_uint64_scale(time, static_cast<guint64>(numerator_),
                                         GST_SECOND * static_cast<guint64>(denominator_));
  }
  frame_ = since_start_;
  return now();
}

void FrameTimeline::Advance() {
  ++since_start_;
  ++frame_;
}

std::optional<GstClockTime> FrameTimeline::next_duration() const {
  if (still()) return std::nullopt;
  return TimeOf(since_start_ + 1) - now();
}

std::optional<GstClockTime> FrameTimeline::frame_duration() const {
  if (still()) return std::nullopt;
  return gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(denominator_), numerator_);
}

}  // namespace hepar
