// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/video_range.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hepar {
namespace {

constexpr int kRowStep = 8;
constexpr int kDarkest = 4;  // Of 255. Overshoot below 16 seldom goes this far.
constexpr int kLeastPerMille = 20;

// Where the most significant bytes of luma lie in a row.
struct Samples {
  int first = 0;
  int step = 0;  // 0: no luma.
};

Samples LumaOf(PixelFormat format) {
  switch (format) {
    case PixelFormat::kGray8:
    case PixelFormat::kI420:
    case PixelFormat::kNv12:
      return {0, 1};
    case PixelFormat::kYuy2:
      return {0, 2};
    case PixelFormat::kUyvy:
    case PixelFormat::kGray16Le:
      return {1, 2};
    default:
      return {};
  }
}

}  // namespace

bool ShowsFullRange(const FrameView& frame) {
  const Samples samples = LumaOf(frame.format);
  if (!frame.limited_range || samples.step == 0) return false;

  std::ptrdiff_t dark = 0, all = 0;
  for (int y = 0; y < frame.height; y += kRowStep) {
    const std::uint8_t* row = frame.planes[0] + y * frame.strides[0] + samples.first;
    for (int x = 0; x < frame.width; ++x) dark += row[x * samples.step] <= kDarkest;
    all += frame.width;
  }
  return 1000 * dark >= kLeastPerMille * all;
}

}  // namespace hepar
