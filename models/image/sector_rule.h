// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core/types.hpp>
#include <string>

namespace hepar {

// How the sector is chosen. Part of a model bundle, so that training and live use agree.
struct SectorRule {
  enum class Kind { kAuto, kFull, kFixed };
  Kind kind = Kind::kAuto;
  cv::Rect fixed;  // Only for kFixed: the rectangle, in pixels of the frame.

  // Parses "auto", "full" or "x,y,w,h". Throws Error(kInvalid) for anything else.
  static SectorRule Parse(const std::string& text);
  std::string ToString() const;
};

}  // namespace hepar
