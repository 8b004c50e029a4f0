// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/image/frame_view.h"

namespace hepar {

// Which bytes of the first plane stand for brightness: luma (the most significant byte) or green.
struct BrightnessBytes {
  int first;  // In a row.
  int step;   // From pixel to pixel.
};

BrightnessBytes BrightnessBytesOf(PixelFormat format);

}  // namespace hepar
