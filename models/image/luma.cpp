// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/luma.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr int kMinSide = 16;
constexpr int kMaxSide = 4096;

// Luma of R'G'B' by BT.601.
constexpr double kRed = 0.299;
constexpr double kGreen = 0.587;
constexpr double kBlue = 0.114;

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

struct Layout {
  const char* name;
  ColorModel model;
  // Gray in [0]; or R, G, B; or Y, Cb, Cr.
  std::array<Component, 3> components;
};

const Layout& LayoutOf(PixelFormat format) {
  static const Layout kGray8 = {"GRAY8", ColorModel::kGray8, {{{0, 0, 1, 0, 0}}}};
  static const Layout kGray16Le = {"GRAY16_LE", ColorModel::kGray16, {{{0, 0, 2, 0, 0}}}};
  static const Layout kRgb = {
      "RGB", ColorModel::kRgb, {{{0, 0, 3, 0, 0}, {0, 1, 3, 0, 0}, {0, 2, 3, 0, 0}}}};
  static const Layout kBgr = {
      "BGR", ColorModel::kRgb, {{{0, 2, 3, 0, 0}, {0, 1, 3, 0, 0}, {0, 0, 3, 0, 0}}}};
  static const Layout kRgbx = {
      "RGBx", ColorModel::kRgb, {{{0, 0, 4, 0, 0}, {0, 1, 4, 0, 0}, {0, 2, 4, 0, 0}}}};
  static const Layout kBgrx = {
      "BGRx", ColorModel::kRgb, {{{0, 2, 4, 0, 0}, {0, 1, 4, 0, 0}, {0, 0, 4, 0, 0}}}};
  static const Layout kI420 = {
      "I420", ColorModel::kYCbCr, {{{0, 0, 1, 0, 0}, {1, 0, 1, 1, 1}, {2, 0, 1, 1, 1}}}};
  static const Layout kNv12 = {
      "NV12", ColorModel::kYCbCr, {{{0, 0, 1, 0, 0}, {1, 0, 2, 1, 1}, {1, 1, 2, 1, 1}}}};
  static const Layout kYuy2 = {
      "YUY2", ColorModel::kYCbCr, {{{0, 0, 2, 0, 0}, {0, 1, 4, 1, 0}, {0, 3, 4, 1, 0}}}};
  static const Layout kUyvy = {
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

int ComponentCount(const Layout& layout) {
  return layout.model == ColorModel::kRgb || layout.model == ColorModel::kYCbCr ? 3 : 1;
}

const Layout& CheckedLayout(const FrameView& frame) {
  const Layout& layout = LayoutOf(frame.format);
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

const std::uint8_t* RowOf(const FrameView& frame, const Component& component, int y) {
  return frame.planes[component.plane] + (y >> component.y_shift) * frame.strides[component.plane] +
         component.offset;
}

float Clip(double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); }

// A table by byte value: range expansion, clipping and weighting take one lookup.
using Table = std::array<float, 256>;

// `weight` times the level in [0,1] of a gray, R', G', B' or Y' sample.
Table LevelTable(const FrameView& frame, double weight) {
  Table table;
  for (int i = 0; i < 256; ++i) {
    const double level = frame.limited_range ? (i - 16) / 219.0 : i / 255.0;
    table[i] = static_cast<float>(weight * std::clamp(level, 0.0, 1.0));
  }
  return table;
}

// `weight` times the excursion in [-.5,.5] of a Cb or Cr sample.
Table ChromaTable(const FrameView& frame, double weight) {
  Table table;
  for (int i = 0; i < 256; ++i) {
    table[i] = static_cast<float>(weight * (i - 128) / (frame.limited_range ? 224.0 : 255.0));
  }
  return table;
}

// R'G'B' = Y' + these times (Cb, Cr), by the definition of Y'CbCr.
struct ChromaWeights {
  double red_cr;
  double green_cb;
  double green_cr;
  double blue_cb;
};

ChromaWeights ChromaWeightsOf(const FrameView& frame) {
  const double kg = 1.0 - frame.kr - frame.kb;
  const double red_cr = 2.0 * (1.0 - frame.kr);
  const double blue_cb = 2.0 * (1.0 - frame.kb);
  return {red_cr, -blue_cb * frame.kb / kg, -red_cr * frame.kr / kg, blue_cb};
}

bool IsBt601(const FrameView& frame) {
  return std::abs(frame.kr - kRed) < 1e-4 && std::abs(frame.kb - kBlue) < 1e-4;
}

}  // namespace

// Reads pixels [begin, end) of row y of one kind of frame into `out`.
struct FrameReader::Rows {
  virtual ~Rows() = default;
  virtual void Read(int y, int begin, int end, float* out) const = 0;
};

namespace {

using Rows = FrameReader::Rows;

// The first component alone: gray, or BT.601 luma.
class LevelRows : public Rows {
 public:
  LevelRows(const FrameView& frame, const Component& component)
      : frame_(frame), component_(component), table_(LevelTable(frame, 1.0)) {}

  void Read(int y, int begin, int end, float* out) const override {
    const std::uint8_t* in = RowOf(frame_, component_, y);
    for (int x = begin; x < end; ++x) *out++ = table_[in[x * component_.step]];
  }

 private:
  FrameView frame_;
  Component component_;
  Table table_;
};

class Gray16Rows : public Rows {
 public:
  explicit Gray16Rows(const FrameView& frame) : frame_(frame) {}

  void Read(int y, int begin, int end, float* out) const override {
    const std::uint8_t* in = frame_.planes[0] + y * frame_.strides[0];
    const float black = frame_.limited_range ? 16.0f * 256.0f : 0.0f;
    const float scale = 1.0f / (frame_.limited_range ? 219.0f * 256.0f : 65535.0f);
    for (int x = begin; x < end; ++x) {
      const int value = in[2 * x] | in[2 * x + 1] << 8;
      *out++ = std::clamp((static_cast<float>(value) - black) * scale, 0.0f, 1.0f);
    }
  }

 private:
  FrameView frame_;
};

// The sum of one table for each of the three components, clipped.
class SumRows : public Rows {
 public:
  SumRows(const FrameView& frame, const Layout& layout, const std::array<Table, 3>& tables)
      : frame_(frame), layout_(layout), tables_(tables) {}

  void Read(int y, int begin, int end, float* out) const override {
    const auto& [c0, c1, c2] = layout_.components;
    const std::uint8_t* in0 = RowOf(frame_, c0, y);
    const std::uint8_t* in1 = RowOf(frame_, c1, y);
    const std::uint8_t* in2 = RowOf(frame_, c2, y);
    for (int x = begin; x < end; ++x) {
      const float sum = tables_[0][in0[(x >> c0.x_shift) * c0.step]] +
                        tables_[1][in1[(x >> c1.x_shift) * c1.step]] +
                        tables_[2][in2[(x >> c2.x_shift) * c2.step]];
      *out++ = std::clamp(sum, 0.0f, 1.0f);
    }
  }

 private:
  FrameView frame_;
  const Layout& layout_;
  std::array<Table, 3> tables_;
};

// Gray as three equal channels.
class GrayRgbRows : public Rows {
 public:
  explicit GrayRgbRows(std::unique_ptr<Rows> gray) : gray_(std::move(gray)) {}

  void Read(int y, int begin, int end, float* out) const override {
    // Backward, so that the single values at the front are read before they are overwritten.
    gray_->Read(y, begin, end, out);
    for (int i = end - begin - 1; i >= 0; --i)
      out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = out[i];
  }

 private:
  std::unique_ptr<Rows> gray_;
};

// R'G'B' of a color frame.
class RgbRows : public Rows {
 public:
  RgbRows(const FrameView& frame, const Layout& layout)
      : frame_(frame),
        layout_(layout),
        level_(LevelTable(frame, 1.0)),
        chroma_(ChromaTable(frame, 1.0)),
        weights_(ChromaWeightsOf(frame)) {}

  void Read(int y, int begin, int end, float* out) const override {
    const auto& [c0, c1, c2] = layout_.components;
    const std::uint8_t* in0 = RowOf(frame_, c0, y);
    const std::uint8_t* in1 = RowOf(frame_, c1, y);
    const std::uint8_t* in2 = RowOf(frame_, c2, y);
    const ChromaWeights& w = weights_;
    for (int x = begin; x < end; ++x, out += 3) {
      const std::uint8_t v0 = in0[(x >> c0.x_shift) * c0.step];
      const std::uint8_t v1 = in1[(x >> c1.x_shift) * c1.step];
      const std::uint8_t v2 = in2[(x >> c2.x_shift) * c2.step];
      if (layout_.model == ColorModel::kRgb) {
        out[0] = level_[v0];
        out[1] = level_[v1];
        out[2] = level_[v2];
      } else {
        const double cb = chroma_[v1];
        const double cr = chroma_[v2];
        out[0] = Clip(level_[v0] + w.red_cr * cr);
        out[1] = Clip(level_[v0] + w.green_cb * cb + w.green_cr * cr);
        out[2] = Clip(level_[v0] + w.blue_cb * cb);
      }
    }
  }

 private:
  FrameView frame_;
  const Layout& layout_;
  Table level_, chroma_;
  ChromaWeights weights_;
};

std::unique_ptr<Rows> LumaRowsOf(const FrameView& frame, const Layout& layout) {
  switch (layout.model) {
    case ColorModel::kGray8:
      break;
    case ColorModel::kGray16:
      return std::make_unique<Gray16Rows>(frame);
    case ColorModel::kRgb:
      return std::make_unique<SumRows>(
          frame, layout,
          std::array<Table, 3>{LevelTable(frame, kRed), LevelTable(frame, kGreen),
                               LevelTable(frame, kBlue)});
    case ColorModel::kYCbCr: {
      if (IsBt601(frame)) break;
      const ChromaWeights w = ChromaWeightsOf(frame);
      return std::make_unique<SumRows>(
          frame, layout,
          std::array<Table, 3>{LevelTable(frame, 1.0),
                               ChromaTable(frame, kGreen * w.green_cb + kBlue * w.blue_cb),
                               ChromaTable(frame, kRed * w.red_cr + kGreen * w.green_cr)});
    }
  }
  return std::make_unique<LevelRows>(frame, layout.components[0]);
}

std::unique_ptr<Rows> RgbRowsOf(const FrameView& frame, const Layout& layout) {
  if (layout.model == ColorModel::kGray8 || layout.model == ColorModel::kGray16) {
    return std::make_unique<GrayRgbRows>(LumaRowsOf(frame, layout));
  }
  return std::make_unique<RgbRows>(frame, layout);
}

cv::Mat ReadAll(const FrameView& frame, int channels) {
  const FrameReader reader(frame, channels);
  cv::Mat picture(frame.height, frame.width, CV_32FC(channels));
  for (int y = 0; y < frame.height; ++y) reader.ReadRow(y, 0, frame.width, picture.ptr<float>(y));
  return picture;
}

}  // namespace

FrameReader::FrameReader(const FrameView& frame, int channels) {
  const Layout& layout = CheckedLayout(frame);
  rows_ = channels == 3 ? RgbRowsOf(frame, layout) : LumaRowsOf(frame, layout);
}

FrameReader::~FrameReader() = default;

void FrameReader::ReadRow(int y, int begin, int end, float* out) const {
  rows_->Read(y, begin, end, out);
}

cv::Mat FrameToLuma(const FrameView& frame) { return ReadAll(frame, 1); }

cv::Mat FrameToRgb(const FrameView& frame) { return ReadAll(frame, 3); }

}  // namespace hepar
