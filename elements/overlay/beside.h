// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <vector>

#include "elements/overlay/blend.h"
#include "elements/overlay/overlay_patch.h"

// The layout in which the panel has a strip of its own to the right of the picture.
namespace hepar {

// How wide the strip beside a picture of this height is, in pixels; even.
int StripWidth(int height);

// The caps of the other side: wider by the strip where `widen`, else narrower. Those that no
// picture can have are left out. The caller owns them.
GstCaps* BesideCaps(const GstCaps* caps, bool widen);

// Copies pictures to the left end of wider frames and fills the rest with black, for frames of one
// size. Not thread-safe.
class BesideCopier {
 public:
  // `out` describes the wider frames; the format is that of both.
  explicit BesideCopier(const GstVideoInfo& out) : out_(out) {}

  // Copies the rectangle `visible` of `in`, which begins at a whole chroma sample, to the upper
  // left corner of `out`. Both are mapped.
  void Copy(const GstVideoFrame& in, const OverlayRect& visible, GstVideoFrame* out);

 private:
  void FillAround(const OverlayRect& visible, GstVideoFrame* out);

  GstVideoInfo out_;
  OverlayRect filled_;             // What `black_` was made for.
  std::vector<BlendPatch> black_;  // The parts of a frame outside of the picture.
};

}  // namespace hepar
