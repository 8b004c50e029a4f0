// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/frame_source.h"

#include "elements/video_pool.h"

namespace hepar {
namespace {

// The class that the installed functions replaced.
GstBaseSrcClass* ParentClass() { return GST_BASE_SRC_CLASS(g_type_class_peek(GST_TYPE_PUSH_SRC)); }

gboolean DecideAllocation(GstBaseSrc* base, GstQuery* query) noexcept {
  if (!DecideVideoPool(query)) {
    GST_ERROR_OBJECT(base, "no buffer pool for the video");
    return FALSE;
  }
  return ParentClass()->decide_allocation(base, query);
}

// A live source holds each frame back until its time.
void GetTimes(GstBaseSrc* base, GstBuffer* buffer, GstClockTime* start,
              GstClockTime* end) noexcept {
  *start = GST_CLOCK_TIME_NONE;
  *end = GST_CLOCK_TIME_NONE;
  if (!gst_base_src_is_live(base)) return;
  *start = GST_BUFFER_PTS(buffer);
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) *end = *start + GST_BUFFER_DURATION(buffer);
}

gboolean IsSeekable(GstBaseSrc* base) noexcept { return !gst_base_src_is_live(base); }

// Playing backward is refused here: GstBaseSrc flushes before it asks do_seek(), and after a
// refusal there it pushes buffers without a segment.
gboolean HandleEvent(GstBaseSrc* base, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
    gdouble rate = 1.0;
    gst_event_parse_seek(event, &rate, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    if (rate < 0.0) return FALSE;
  }
  return ParentClass()->event(base, event);
}

}  // namespace

void InstallFrameSource(GstBaseSrcClass* klass) {
  klass->decide_allocation = GST_DEBUG_FUNCPTR(DecideAllocation);
  klass->get_times = GST_DEBUG_FUNCPTR(GetTimes);
  klass->is_seekable = GST_DEBUG_FUNCPTR(IsSeekable);
  klass->event = GST_DEBUG_FUNCPTR(HandleEvent);
}

}  // namespace hepar
