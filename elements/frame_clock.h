// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include "models/grading/grader.h"

namespace hepar {

// Tells when the frames of a stream are shown. A frame without a time of its own, or in a segment
// that is not in time, follows the frame before.
class FrameClock {
 public:
  FrameTime Next(const GstSegment& segment, const GstVideoInfo& info, const GstBuffer* buffer);

  void Reset() { next_ = 0; }

 private:
  GstClockTime next_ = 0;
};

}  // namespace hepar
