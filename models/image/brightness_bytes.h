// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/image/frame_view.h"

namespace hepar {

// The bytes of the first plane that hold brightness: luma (its most significant byte) or green.
struct BrightnessBytes {
  int first;  // Offset of the first one in a row.
  int step;   // From pixel to pixel.
};

BrightnessBytes BrightnessBytesOf(PixelFormat format);

}  // namespace hepar
