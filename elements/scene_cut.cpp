// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/scene_cut.h"

#include <algorithm>
#include <cmath>

#include "models/image/brightness_bytes.h"

namespace hepar {
namespace {

// Share of the brightness of the brighter picture that must differ. Breathing and probe motion over
// one frame stay below 0.1; another view of another patient in the same fan is above 0.3.
constexpr double kCutAbove = 0.25;

// Two pictures darker than this (mean gray level, 0..255) are both black: no scene, no cut.
constexpr double kBlack = 4.0;

// Approximate number of samples per cell in each direction: enough to average speckle, and the same
// work for every frame size.
constexpr int kSamples = 16;

}  // namespace

SceneCut::Thumbnail SceneCut::Shrink(const FrameView& frame) {
  const BrightnessBytes bytes = BrightnessBytesOf(frame.format);
  Thumbnail sum = {};
  Thumbnail count = {};
  const int step = std::max(1, std::min(frame.width, frame.height) / (kGrid * kSamples));
  for (int y = 0; y < frame.height; y += step) {
    const std::uint8_t* row = frame.planes[0] + y * frame.strides[0] + bytes.first;
    const int cell_row = y * kGrid / frame.height * kGrid;
    for (int x = 0; x < frame.width; x += step) {
      const int cell = cell_row + x * kGrid / frame.width;
      sum[cell] += row[static_cast<std::ptrdiff_t>(x) * bytes.step];
      count[cell] += 1.0;
    }
  }
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] /= count[i];
  return sum;
}

bool SceneCut::Update(const FrameView& frame) {
  if (frame.width < kGrid || frame.height < kGrid) return false;
  const Thumbnail now = Shrink(frame);
  bool cut = false;
  if (last_) {
    double difference = 0.0;
    double brighter = 0.0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      difference += std::abs(now[i] - (*last_)[i]);
      brighter += std::max(now[i], (*last_)[i]);
    }
    cut = brighter > kBlack * now.size() && difference > kCutAbove * brighter;
  }
  last_ = now;
  return cut;
}

}  // namespace hepar
