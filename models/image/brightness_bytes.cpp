// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/brightness_bytes.h"

namespace hepar {

BrightnessBytes BrightnessBytesOf(PixelFormat format) {
  switch (format) {
    case PixelFormat::kGray8:
    case PixelFormat::kI420:
    case PixelFormat::kNv12:
      return {0, 1};
    case PixelFormat::kGray16Le:
      return {1, 2};
    case PixelFormat::kYuy2:
      return {0, 2};
    case PixelFormat::kUyvy:
      return {1, 2};
    case PixelFormat::kRgb:
    case PixelFormat::kBgr:
      return {1, 3};
    case PixelFormat::kRgbx:
    case PixelFormat::kBgrx:
    case PixelFormat::kRgba:
    case PixelFormat::kBgra:
      return {1, 4};
  }
  return {0, 1};
}

}  // namespace hepar
