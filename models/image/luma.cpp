// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/luma.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "models/image/sample_tables.h"

namespace hepar {
namespace {

const std::uint8_t* RowOf(const FrameView& frame, const Component& component, int y) {
  return frame.planes[component.plane] + (y >> component.y_shift) * frame.strides[component.plane] +
         component.offset;
}

float Clip(double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); }

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
  SampleTable table_;
};

class Gray16Rows : public Rows {
 public:
  explicit Gray16Rows(const FrameView& frame) : frame_(frame) {}

  void Read(int y, int begin, int end, float* out) const override {
    const std::uint8_t* in = frame_.planes[0] + y * frame_.strides[0];
    const auto [black, scale] = Gray16RangeOf(frame_);
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
  SumRows(const FrameView& frame, const SampleLayout& layout,
          const std::array<SampleTable, 3>& tables)
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
  const SampleLayout& layout_;
  std::array<SampleTable, 3> tables_;
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
  RgbRows(const FrameView& frame, const SampleLayout& layout)
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
  const SampleLayout& layout_;
  SampleTable level_, chroma_;
  ChromaWeights weights_;
};

std::unique_ptr<Rows> LumaRowsOf(const FrameView& frame, const SampleLayout& layout) {
  switch (layout.model) {
    case ColorModel::kGray8:
      break;
    case ColorModel::kGray16:
      return std::make_unique<Gray16Rows>(frame);
    case ColorModel::kRgb:
      return std::make_unique<SumRows>(frame, layout, LumaTables(frame, layout));
    case ColorModel::kYCbCr: {
      if (LumaIsFirstComponent(frame, layout)) break;
      return std::make_unique<SumRows>(frame, layout, LumaTables(frame, layout));
    }
  }
  return std::make_unique<LevelRows>(frame, layout.components[0]);
}

std::unique_ptr<Rows> RgbRowsOf(const FrameView& frame, const SampleLayout& layout) {
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
  const SampleLayout& layout = CheckedLayout(frame);
  rows_ = channels == 3 ? RgbRowsOf(frame, layout) : LumaRowsOf(frame, layout);
}

FrameReader::~FrameReader() = default;

void FrameReader::ReadRow(int y, int begin, int end, float* out) const {
  rows_->Read(y, begin, end, out);
}

cv::Mat FrameToLuma(const FrameView& frame) { return ReadAll(frame, 1); }

cv::Mat FrameToRgb(const FrameView& frame) { return ReadAll(frame, 3); }

}  // namespace hepar
