// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <optional>

#include "models/image/frame_view.h"

namespace hepar {

// Notices that the picture changed altogether from one frame to the next: another clip, another
// patient, another view, freeze screens. What was seen before says nothing about what comes now.
//
// Compares brightness in a coarse grid, where speckle and breathing average out. Not thread-safe:
// one per stream.
class SceneCut {
 public:
  // True when `frame` shows another scene than the frame before. The first frame is never a cut.
  bool Update(const FrameView& frame);

  void Reset() { last_.reset(); }

 private:
  static constexpr int kGrid = 8;
  using Thumbnail = std::array<double, kGrid * kGrid>;

  static Thumbnail Shrink(const FrameView& frame);

  std::optional<Thumbnail> last_;
};

}  // namespace hepar
