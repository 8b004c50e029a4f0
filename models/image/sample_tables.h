// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>

#include "models/image/frame_view.h"

// Where the samples of each pixel format lie, and what a sample contributes to luma or R'G'B', for
// the loops on the CPU and the operators on a GPU alike.
namespace hepar {

enum class ColorModel { kGray8, kGray16, kRgb, kYCbCr };

// The layout of the samples of a component: the sample of pixel (x, y) is the byte
// planes[plane][(y >> y_shift) * stride + (x >> x_shift) * step + offset].
struct Component {
  int plane;
  int offset;
  int step;
  int x_shift;
  int y_shift;
};

struct SampleLayout {
  const char* name;
  ColorModel model;
  // Gray in [0]; or R, G, B; or Y, Cb, Cr.
  std::array<Component, 3> components;
};

// The layout of a valid frame. Throws Error(kInvalid) for a view with an invalid size, stride,
// plane or matrix. Reads no pixel.
const SampleLayout& CheckedLayout(const FrameView& frame);

// A table by byte value: range expansion, clipping and weighting take one lookup.
using SampleTable = std::array<float, 256>;

// `weight` times the level in [0,1] of a gray, R', G', B' or Y' sample.
SampleTable LevelTable(const FrameView& frame, double weight);

// `weight` times the excursion in [-.5,.5] of a Cb or Cr sample.
SampleTable ChromaTable(const FrameView& frame, double weight);

// A level in [0,1] of a 16-bit gray sample is (sample - black) * scale, clipped.
struct Gray16Range {
  float black, scale;
};
Gray16Range Gray16RangeOf(const FrameView& frame);

// R'G'B' = Y' + these times (Cb, Cr), by the definition of Y'CbCr.
struct ChromaWeights {
  double red_cr;
  double green_cb;
  double green_cr;
  double blue_cb;
};
ChromaWeights ChromaWeightsOf(const FrameView& frame);

// Whether luma is the first component alone: for 8-bit gray, and Y'CbCr by BT.601.
bool LumaIsFirstComponent(const FrameView& frame, const SampleLayout& layout);

// Otherwise, but for 16-bit gray, luma is the sum of these tables of the three components, clipped.
std::array<SampleTable, 3> LumaTables(const FrameView& frame, const SampleLayout& layout);

}  // namespace hepar
