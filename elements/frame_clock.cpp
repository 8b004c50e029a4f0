// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_clock.h"

namespace hepar {
namespace {

// For streams that have neither durations nor a frame rate.
constexpr GstClockTime kDefaultDuration = 40 * GST_MSECOND;

GstClockTime DurationOf(const GstVideoInfo& info, const GstBuffer* buffer) {
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) return GST_BUFFER_DURATION(buffer);
  if (GST_VIDEO_INFO_FPS_N(&info) == 0) return kDefaultDuration;
  return gst_util_uint64_scale_int(GST_SECOND, GST_VIDEO_INFO_FPS_D(&info),
                                   GST_VIDEO_INFO_FPS_N(&info));
}

}  // namespace

FrameTime FrameClock::Next(const GstSegment& segment, const GstVideoInfo& info,
                           const GstBuffer* buffer) {
  FrameTime time;
  time.duration = DurationOf(info, buffer);
  time.stream = time.running = next_;
  if (segment.format == GST_FORMAT_TIME) {
    const GstClockTime pts = GST_BUFFER_PTS(buffer);
    const guint64 stream = gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, pts);
    const guint64 running = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, pts);
    if (GST_CLOCK_TIME_IS_VALID(stream)) time.stream = stream;
    if (GST_CLOCK_TIME_IS_VALID(running)) time.running = running;
  }
  next_ = time.running + time.duration;
  return time;
}

}  // namespace hepar
