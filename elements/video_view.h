// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include "models/image/frame_view.h"

// The raw video formats that the elements take, for pad templates.
#define HEPAR_VIDEO_CAPS                                                                       \
  "video/x-raw, "                                                                              \
  "format = (string) { GRAY8, GRAY16_LE, RGB, BGR, RGBx, BGRx, RGBA, BGRA, I420, NV12, YUY2, " \
  "UYVY }, "                                                                                   \
  "width = (int) [ 16, 4096 ], height = (int) [ 16, 4096 ], "                                  \
  "framerate = (fraction) [ 0/1, 2147483647/1 ]"

namespace hepar {

// A video buffer mapped for reading, as the view that models/ takes: strides and offsets of a
// GstVideoMeta, the rectangle of a GstVideoCropMeta and the colorimetry of the caps are honoured.
// A crop that starts inside a chroma sample grows to the whole sample.
//
// The only place that maps video memory. The buffer must outlive this.
class MappedFrame {
 public:
  // Throws Error(kFailed) when the buffer cannot be mapped as `info` says, Error(kInvalid) for a
  // crop rectangle outside the frame.
  MappedFrame(GstBuffer* buffer, const GstVideoInfo& info);
  ~MappedFrame();
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  const FrameView& view() const { return view_; }

 private:
  void Describe(const GstVideoCropMeta* crop);

  GstVideoFrame frame_;
  FrameView view_;
};

}  // namespace hepar
