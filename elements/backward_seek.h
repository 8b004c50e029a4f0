// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace hepar {

// Whether `event` asks to play backward. A source that cannot must refuse it in event():
// GstBaseSrc flushes before it asks do_seek(), and after a refusal there it pushes buffers without
// a segment.
inline bool IsBackwardSeek(GstEvent* event) {
  if (GST_EVENT_TYPE(event) != GST_EVENT_SEEK) return false;
  gdouble rate = 1.0;
  gst_event_parse_seek(event, &rate, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  return rate < 0.0;
}

}  // namespace hepar
