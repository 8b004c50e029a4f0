// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <memory>

#include "models/image/frame_view.h"

namespace hepar {

// A frame in one of the formats that models/ has no loops for, in one that it has: planar 4:4:4 and
// 4:2:2, NV21 and 10-bit Y'CbCr become YUY2, 10-bit gray becomes GRAY16_LE. Luma of 8 bits and
// 10-bit gray keep their value, luma of 10 bits is rounded to 8, and in 4:4:4 two pixels share the
// mean of their chroma.
class RepackedFrame {
 public:
  // Whether a format is one of these.
  static bool IsFor(GstVideoFormat format);

  // Repacks the rectangle `visible` of a frame that is mapped for reading. It begins at a whole
  // chroma sample. `is_limited`: the frame is of video range.
  RepackedFrame(const GstVideoFrame& frame, const GstVideoRectangle& visible, bool is_limited);

  PixelFormat format() const { return format_; }
  const std::uint8_t* data() const { return bytes_.get(); }
  std::ptrdiff_t stride() const { return stride_; }

 private:
  PixelFormat format_;
  std::ptrdiff_t stride_;
  std::unique_ptr<std::uint8_t[]> bytes_;
};

}  // namespace hepar
