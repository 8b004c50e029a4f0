// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <vector>

#include "elements/overlay/overlay_patch.h"

namespace hepar {

// One component of a patch in the format of the frame. Blending computes
// sample = (sample * keep + add) / 255.
struct BlendComponent {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> keep;
  std::vector<std::uint32_t> add;
};

// A patch in the format of the frame, one entry for each component. Empty: nothing to draw.
//
// GstVideoOverlayComposition is not used: it takes every frame for video range, and it converts the
// picture again for each frame.
using BlendPatch = std::vector<BlendComponent>;

// Whether samples have 10 bits. Those of v210 and gray share words, and GStreamer 1.22 describes
// the places of those of Y210 and P010 wrongly, so only its functions unpack and pack such lines.
bool IsTenBit(const GstVideoFormatInfo* format);

// Converts `patch` once for blending into many frames of `frame_info`, in the range and matrix of
// its colorimetry. (x, y), both even, is where the patch's origin lies in the frame. The patch must
// lie inside the frame.
BlendPatch MakeBlend(OverlayPatch patch, const GstVideoInfo& frame_info, int x, int y);

// Blends into a frame that is mapped for reading and writing and has the format that `blend` was
// made for.
void Blend(const BlendPatch& blend, GstVideoFrame* frame);

}  // namespace hepar
