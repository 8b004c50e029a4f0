// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hepar {

// Pixel layouts of raw video, named and laid out as GStreamer's GstVideoFormat of the same name.
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

// One video frame in memory that someone else owns and keeps alive while the view is used.
//
// Rows may be padded: strides are in bytes and at least as long as a row. `planes` points at the
// first pixel of each plane (offsets already added); formats with fewer planes leave the rest null.
struct FrameView {
  PixelFormat format = PixelFormat::kGray8;
  int width = 0;   // Pixels, 16..4096.
  int height = 0;  // Pixels, 16..4096.
  std::array<const std::uint8_t*, 3> planes = {};
  std::array<std::ptrdiff_t, 3> strides = {};

  // How Y'CbCr was made from R'G'B' (ignored for grey and RGB formats): BT.601 .299/.114,
  // BT.709 .2126/.0722, BT.2020 .2627/.0593.
  double kr = 0.299;
  double kb = 0.114;
  // True where black is 16 and white is 235 of 255 (video range), for any format.
  bool limited_range = false;
};

}  // namespace hepar
