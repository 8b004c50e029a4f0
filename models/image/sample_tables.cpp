// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sample_tables.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

constexpr int kMinSide = 16;
constexpr int kMaxSide = 4096;

// Luma of R'G'B' by BT.601.
constexpr double kRed = 0.299;
constexpr double kGreen = 0.587;
constexpr double kBlue = 0.114;

const SampleLayout& LayoutOf(PixelFormat format) {
  static const SampleLayout kGray8 = {"GRAY8", ColorModel::kGray8, {{{0, 0, 1, 0, 0}}}};
  static const SampleLayout kGray16Le = {"GRAY16_LE", ColorModel::kGray16, {{{0, 0, 2, 0, 0}}}};
  static const SampleLayout kRgb = {
      "RGB", ColorModel::kRgb, {{{0, 0, 3, 0, 0}, {0, 1, 3, 0, 0}, {0, 2, 3, 0, 0}}}};
  static const SampleLayout kBgr = {
      "BGR", ColorModel::kRgb, {{{0, 2, 3, 0, 0}, {0, 1, 3, 0, 0}, {0, 0, 3, 0, 0}}}};
  static const SampleLayout kRgbx = {
      "RGBx", ColorModel::kRgb, {{{0, 0, 4, 0, 0}, {0, 1, 4, 0, 0}, {0, 2, 4, 0, 0}}}};
  static const SampleLayout kBgrx = {
      "BGRx", ColorModel::kRgb, {{{0, 2, 4, 0, 0}, {0, 1, 4, 0, 0}, {0, 0, 4, 0, 0}}}};
  static const SampleLayout kI420 = {
      "I420", ColorModel::kYCbCr, {{{0, 0, 1, 0, 0}, {1, 0, 1, 1, 1}, {2, 0, 1, 1, 1}}}};
  static const SampleLayout kNv12 = {
      "NV12", ColorModel::kYCbCr, {{{0, 0, 1, 0, 0}, {1, 0, 2, 1, 1}, {1, 1, 2, 1, 1}}}};
  static const SampleLayout kYuy2 = {
      "YUY2", ColorModel::kYCbCr, {{{0, 0, 2, 0, 0}, {0, 1, 4, 1, 0}, {0, 3, 4, 1, 0}}}};
  static const SampleLayout kUyvy = {
      "UYVY", ColorModel::kYCbCr, {{{0, 1, 2, 0, 0}, {0, 0, 4, 1, 0}, {0, 2, 4, 1, 0}}}};
  switch (format) {
    case PixelFormat::kGray8:
      return kGray8;
    case PixelFormat::kGray16Le:
      return kGray16Le;
    case PixelFormat::kRgb:
      return kRgb;
    case PixelFormat::kBgr:
      return kBgr;
    case PixelFormat::kRgbx:
    case PixelFormat::kRgba:
      return kRgbx;
    case PixelFormat::kBgrx:
    case PixelFormat::kBgra:
      return kBgrx;
    case PixelFormat::kI420:
      return kI420;
    case PixelFormat::kNv12:
      return kNv12;
    case PixelFormat::kYuy2:
      return kYuy2;
    case PixelFormat::kUyvy:
      return kUyvy;
  }
  throw Error(ErrorKind::kInvalid, "frame has pixel format number " +
                                       std::to_string(static_cast<int>(format)) +
                                       ", which is none that is known");
}

int ComponentCount(const SampleLayout& layout) {
  return layout.model == ColorModel::kRgb || layout.model == ColorModel::kYCbCr ? 3 : 1;
}

bool IsBt601(const FrameView& frame) {
  return std::abs(frame.kr - kRed) < 1e-4 && std::abs(frame.kb - kBlue) < 1e-4;
}

}  // namespace

const SampleLayout& CheckedLayout(const FrameView& frame) {
  const SampleLayout& layout = LayoutOf(frame.format);
  if (frame.width < kMinSide || frame.width > kMaxSide || frame.height < kMinSide ||
      frame.height > kMaxSide) {
    throw Error(ErrorKind::kInvalid, "frame is " + std::to_string(frame.width) + "x" +
                                         std::to_string(frame.height) +
                                         " pixels, expected 16x16 to 4096x4096");
  }
  for (int i = 0; i < ComponentCount(layout); ++i) {
    const Component& component = layout.components[i];
    const std::string where =
        std::string(layout.name) + " frame: plane " + std::to_string(component.plane);
    if (frame.planes[component.plane] == nullptr) {
      throw Error(ErrorKind::kInvalid, where + " is missing");
    }
    // An incomplete group of subsampled pixels is stored whole.
    const int samples = (frame.width + (1 << component.x_shift) - 1) >> component.x_shift;
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(samples) * component.step;
    if (frame.strides[component.plane] < row) {
      throw Error(ErrorKind::kInvalid, where + " has a stride of " +
                                           std::to_string(frame.strides[component.plane]) +
                                           " bytes, but " + std::to_string(frame.width) +
                                           " pixels take " + std::to_string(row));
    }
  }
  // Written so that NaN fails too.
  if (layout.model == ColorModel::kYCbCr &&
      !(frame.kr > 0.0 && frame.kb > 0.0 && frame.kr + frame.kb < 1.0)) {
    throw Error(ErrorKind::kInvalid, "color matrix has kr=" + std::to_string(frame.kr) +
                                         " and kb=" + std::to_string(frame.kb) +
                                         ", expected both above 0 and their sum below 1");
  }
  return layout;
}

SampleTable LevelTable(const FrameView& frame, double weight) {
  SampleTable table;
  for (int i = 0; i < 256; ++i) {
    const double level = frame.limited_range ? (i - 16) / 219.0 : i / 255.0;
    table[i] = static_cast<float>(weight * std::clamp(level, 0.0, 1.0));
  }
  return table;
}

SampleTable ChromaTable(const FrameView& frame, double weight) {
  SampleTable table;
  for (int i = 0; i < 256; ++i) {
    table[i] = static_cast<float>(weight * (i - 128) / (frame.limited_range ? 224.0 : 255.0));
  }
  return table;
}

ChromaWeights ChromaWeightsOf(const FrameView& frame) {
  const double kg = 1.0 - frame.kr - frame.kb;
  const double red_cr = 2.0 * (1.0 - frame.kr);
  const double blue_cb = 2.0 * (1.0 - frame.kb);
  return {red_cr, -blue_cb * frame.kb / kg, -red_cr * frame.kr / kg, blue_cb};
}

Gray16Range Gray16RangeOf(const FrameView& frame) {
  return {frame.limited_range ? 16.0f * 256.0f : 0.0f,
          1.0f / (frame.limited_range ? 219.0f * 256.0f : 65535.0f)};
}

bool LumaIsFirstComponent(const FrameView& frame, const SampleLayout& layout) {
  return layout.model == ColorModel::kGray8 ||
         (layout.model == ColorModel::kYCbCr && IsBt601(frame));
}

std::array<SampleTable, 3> LumaTables(const FrameView& frame, const SampleLayout& layout) {
  if (layout.model == ColorModel::kRgb) {
    return {LevelTable(frame, kRed), LevelTable(frame, kGreen), LevelTable(frame, kBlue)};
  }
  const ChromaWeights w = ChromaWeightsOf(frame);
  return {LevelTable(frame, 1.0), ChromaTable(frame, kGreen * w.green_cb + kBlue * w.blue_cb),
          ChromaTable(frame, kRed * w.red_cr + kGreen * w.green_cr)};
}

}  // namespace hepar
