// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <optional>

#include "elements/repacked_frame.h"
#include "models/image/frame_view.h"

// The raw video formats that the elements accept, for pad templates.
#define HEPAR_VIDEO_CAPS                                                                       \
  "video/x-raw, "                                                                              \
  "format = (string) { GRAY8, GRAY16_LE, RGB, BGR, RGBx, BGRx, RGBA, BGRA, I420, NV12, YUY2, " \
  "UYVY, NV21, Y42B, Y444, ARGB, xRGB, ABGR, xBGR, GRAY10_LE32, P010_10LE, Y210, v210 }, "     \
  "width = (int) [ 16, 4096 ], height = (int) [ 16, 4096 ], "                                  \
  "framerate = (fraction) [ 0/1, 2147483647/1 ]"

namespace hepar {

// Whether both describe the same kind of picture: size, format and colorimetry. The frame rate and
// other fields of the caps do not change what is in a picture.
bool SamePicture(const GstVideoInfo& a, const GstVideoInfo& b);

// A video buffer in mapped memory. The buffer must outlive this.
//
// The only place that maps video memory.
class VideoMapping {
 public:
  // Throws Error(kFailed) when the buffer cannot be mapped as `info` says.
  VideoMapping(GstBuffer* buffer, const GstVideoInfo& info, GstMapFlags flags);
  ~VideoMapping();
  VideoMapping(const VideoMapping&) = delete;
  VideoMapping& operator=(const VideoMapping&) = delete;

  GstVideoFrame* frame() { return &frame_; }

 private:
  GstVideoFrame frame_;
};

// A video buffer mapped for reading, as the view that models/ takes: strides and offsets of a
// GstVideoMeta, the rectangle of a GstVideoCropMeta and the colorimetry of the caps are honored.
// A crop that starts inside a chroma sample grows to the whole sample. A format that models/ has no
// loops for is repacked (elements/repacked_frame.h).
class MappedFrame {
 public:
  // Throws Error(kFailed) when the buffer cannot be mapped as `info` says, Error(kInvalid) for a
  // crop rectangle outside the frame.
  MappedFrame(GstBuffer* buffer, const GstVideoInfo& info);
  ~MappedFrame();

  const FrameView& view() const { return view_; }

 private:
  void Describe(const GstVideoCropMeta* crop);

  VideoMapping mapping_;
  std::optional<RepackedFrame> repacked_;
  FrameView view_;
};

// A video buffer that is mapped at the first access, and at most once.
class LazyFrame {
 public:
  // `buffer` and `info` must outlive this.
  LazyFrame(GstBuffer* buffer, const GstVideoInfo& info) : buffer_(buffer), info_(info) {}

  // Throws as MappedFrame does.
  const FrameView& view();

  // Ends the mapping.
  void Unmap() { mapped_.reset(); }

 private:
  GstBuffer* buffer_;
  const GstVideoInfo& info_;
  std::optional<MappedFrame> mapped_;
};

}  // namespace hepar
