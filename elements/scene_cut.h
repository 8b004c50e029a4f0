// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <optional>

#include "models/image/frame_view.h"

namespace hepar {

// Detects that the whole picture changed from one frame to the next: another clip, another patient,
// another view, a freeze screen. Results of earlier frames do not apply to the new scene.
//
// Compares brightness in a coarse grid, in which speckle and breathing average out. Not
// thread-safe: one per stream.
class SceneCut {
 public:
  // Returns true if `frame` shows another scene than the frame before. The first frame is no cut.
  bool Update(const FrameView& frame);

  void Reset() { last_.reset(); }

 private:
  static constexpr int kGrid = 8;
  using Thumbnail = std::array<double, kGrid * kGrid>;

  static Thumbnail Shrink(const FrameView& frame);

  std::optional<Thumbnail> last_;
};

}  // namespace hepar
