// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/video_range.h"

#include <cstddef>
#include <cstdint>

#include "models/image/brightness_bytes.h"

namespace hepar {
namespace {

constexpr int kLeastPerMille = 20;

bool IsLuma(PixelFormat format) {
  switch (format) {
    case PixelFormat::kGray8:
    case PixelFormat::kGray16Le:
    case PixelFormat::kI420:
    case PixelFormat::kNv12:
    case PixelFormat::kYuy2:
    case PixelFormat::kUyvy:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool MayShowFullRange(const FrameView& frame) {
  return frame.limited_range && IsLuma(frame.format);
}

bool IsFullRange(std::ptrdiff_t dark, std::ptrdiff_t all) {
  return 1000 * dark >= kLeastPerMille * all;
}

bool ShowsFullRange(const FrameView& frame) {
  if (!MayShowFullRange(frame)) return false;

  const BrightnessBytes bytes = BrightnessBytesOf(frame.format);
  std::ptrdiff_t dark = 0, all = 0;
  for (int y = 0; y < frame.height; y += kDarkRowStep) {
    const std::uint8_t* row = frame.planes[0] + y * frame.strides[0] + bytes.first;
    for (int x = 0; x < frame.width; ++x) dark += row[x * bytes.step] <= kDarkestLuma;
    all += frame.width;
  }
  return IsFullRange(dark, all);
}

}  // namespace hepar
