// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hepar {

// Pixel formats of raw video, with the names and layouts of GStreamer's GstVideoFormat.
enum class PixelFormat {
  kGray8,
  kGray16Le,
  kRgb,
  kBgr,
  kRgbx,
  kBgrx,
  kRgba,
  kBgra,
  kI420,
  kNv12,
  kYuy2,
  kUyvy,
};

// One video frame, as a view of memory that the caller owns and keeps alive.
//
// Rows may be padded: strides are in bytes and at least the length of a row. `planes` points to the
// first pixel of each plane; unused planes are null.
struct FrameView {
  PixelFormat format = PixelFormat::kGray8;
  int width = 0;   // Pixels, 16..4096.
  int height = 0;  // Pixels, 16..4096.
  std::array<const std::uint8_t*, 3> planes = {};
  std::array<std::ptrdiff_t, 3> strides = {};

  // The matrix from R'G'B' to Y'CbCr (ignored for gray and RGB formats): BT.601 .299/.114,
  // BT.709 .2126/.0722, BT.2020 .2627/.0593.
  double kr = 0.299;
  double kb = 0.114;
  // Video range: black is 16 and white is 235 of 255. For any format.
  bool limited_range = false;
};

}  // namespace hepar
