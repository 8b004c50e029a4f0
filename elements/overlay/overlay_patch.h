// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace hepar {

// A rectangle of frame pixels; it may reach outside the frame.
struct OverlayRect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  friend bool operator==(const OverlayRect& a, const OverlayRect& b) {
    return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
  }
};

// A picture to blend over a frame: premultiplied ARGB, one native 32-bit word a pixel, rows without
// padding. It lies inside the frame. x and y are even, so that subsampled chroma lines up.
struct OverlayPatch {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> pixels;

  bool empty() const { return pixels.empty(); }
};

}  // namespace hepar
