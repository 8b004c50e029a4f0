// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/device_preprocessor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "models/image/brightness_bytes.h"
#include "models/image/resize_axis.h"
#include "models/image/scan_finder.h"
#include "models/image/video_range.h"

namespace hepar {
namespace {

// A view of bytes in the device's memory, which does not own them.
torch::Tensor Bytes(const std::uint8_t* first, int64_t rows, int64_t columns, int64_t stride,
                    int64_t step, const torch::Device& device) {
  return torch::from_blob(const_cast<std::uint8_t*>(first), {rows, columns}, {stride, step},
                          torch::TensorOptions(device).dtype(torch::kUInt8));
}

// (outputs, inputs): the weights of an axis as a matrix.
torch::Tensor MatrixOf(const ResizeAxis& axis, int inputs) {
  auto matrix = torch::zeros({axis.outputs(), inputs}, torch::kFloat64);
  auto* values = matrix.data_ptr<double>();
  for (int i = 0; i < axis.outputs(); ++i) {
    for (int k = 0; k < axis.count(i); ++k) {
      values[static_cast<std::ptrdiff_t>(i) * inputs + axis.first[i] + k] = axis.weights_of(i)[k];
    }
  }
  return matrix;
}

// As Preprocessor: averages an axis that shrinks, and interpolates one that grows.
torch::Tensor ResizeMatrix(int in, int out) {
  const int averaged = std::min(in, out);
  auto area = MatrixOf(AreaAxis(in, averaged), in);
  if (averaged == out) return area;
  return torch::matmul(MatrixOf(LinearAxis(averaged, out), averaged), area);
}

torch::Tensor OnDevice(const SampleTable& table, const torch::Device& device) {
  return torch::from_blob(const_cast<float*>(table.data()), {static_cast<int64_t>(table.size())},
                          torch::kFloat32)
      .clone()
      .to(device);
}

torch::Tensor LookUp(const torch::Tensor& table, const torch::Tensor& samples) {
  return table.index_select(0, samples.reshape({-1}).to(torch::kInt32)).view(samples.sizes());
}

}  // namespace

DevicePreprocessor::DevicePreprocessor(const PreprocessOptions& options,
                                       const torch::Device& device)
    : options_(Preprocessor(options).options()),  // Checks them.
      device_(device),
      tracker_(options.sector) {}

void DevicePreprocessor::Reset() {
  tracker_.Reset();
  has_wrong_range_ = false;
}

DevicePreprocessor::Prepared DevicePreprocessor::Process(const FrameView& given) {
  const c10::InferenceMode inference;
  FrameView frame = given;
  if (has_wrong_range_) frame.limited_range = false;
  CheckedLayout(frame);
  if (ShowsFullRangeHere(frame)) {
    has_wrong_range_ = true;
    tracker_.Reset();  // Its state comes from frames whose dark parts were clipped.
    frame.limited_range = false;
  }
  const Sector& sector = tracker_.UpdateBySearchPicture(
      {frame.width, frame.height}, [this, &frame] { return SearchPictureOf(frame); });
  // The tracker keeps a mask's memory as long as the sector stays, and so does mask_.
  if (sector.mask.data != mask_.data || frame.format != format_) {
    geometry_ = MakeGeometry(frame, sector.bounds, sector.mask);
    mask_ = sector.mask;
    format_ = frame.format;
  }
  const auto channels = Channels(frame, options_.channels, geometry_) * geometry_.mask;
  const auto pixels = torch::matmul(torch::matmul(geometry_.rows, channels), geometry_.columns);
  auto result = at::empty({1, options_.channels, options_.size, options_.size},
                          torch::TensorOptions(device_).dtype(torch::kFloat32),
                          at::MemoryFormat::ChannelsLast);
  result.copy_(pixels.unsqueeze(0));
  return {result, sector.bounds, frame.width, frame.height};
}

bool DevicePreprocessor::ShowsFullRangeHere(const FrameView& frame) const {
  if (!MayShowFullRange(frame)) return false;
  const BrightnessBytes bytes = BrightnessBytesOf(frame.format);
  const int64_t rows = (frame.height + kDarkRowStep - 1) / kDarkRowStep;
  const auto samples = Bytes(frame.planes[0] + bytes.first, rows, frame.width,
                             frame.strides[0] * kDarkRowStep, bytes.step, device_);
  const auto dark = (samples <= kDarkestLuma).sum().item<std::int64_t>();
  return IsFullRange(dark, rows * frame.width);
}

// All samples of a component of the whole frame.
torch::Tensor DevicePreprocessor::Samples(const FrameView& frame, const Component& c) const {
  const int64_t rows = (frame.height + (1 << c.y_shift) - 1) >> c.y_shift;
  const int64_t columns = (frame.width + (1 << c.x_shift) - 1) >> c.x_shift;
  return Bytes(frame.planes[c.plane] + c.offset, rows, columns, frame.strides[c.plane], c.step,
               device_);
}

// (channels, height, width) of the geometry's bounds, in [0,1].
torch::Tensor DevicePreprocessor::Channels(const FrameView& frame, int channels,
                                           const Geometry& geometry) const {
  const SampleLayout& layout = CheckedLayout(frame);
  const cv::Rect& bounds = geometry.bounds;
  if (layout.model == ColorModel::kGray16) {
    const auto byte = [&](int offset) {
      return Samples(frame, {0, offset, 2, 0, 0})
          .narrow(0, bounds.y, bounds.height)
          .narrow(1, bounds.x, bounds.width)
          .to(torch::kFloat32);
    };
    const auto [black, scale] = Gray16RangeOf(frame);
    const auto level = ((byte(0) + 256.0f * byte(1) - black) * scale).clamp_(0.0, 1.0);
    return level.unsqueeze(0).expand({channels, -1, -1});
  }

  // The values of a component's samples at each pixel. Tables are applied before subsampled ones
  // are repeated.
  const auto values = [&](int i, const SampleTable& table) {
    const Component& c = layout.components[i];
    const int x = bounds.x >> c.x_shift, y = bounds.y >> c.y_shift;
    const int columns = ((bounds.x + bounds.width - 1) >> c.x_shift) - x + 1;
    const int rows = ((bounds.y + bounds.height - 1) >> c.y_shift) - y + 1;
    auto result = LookUp(OnDevice(table, device_),
                         Samples(frame, c).narrow(0, y, rows).narrow(1, x, columns));
    if (geometry.sample_rows[i].defined()) {
      result = result.index_select(0, geometry.sample_rows[i]);
    }
    if (geometry.sample_columns[i].defined()) {
      result = result.index_select(1, geometry.sample_columns[i]);
    }
    return result;
  };

  const bool is_gray = layout.model == ColorModel::kGray8;
  if (is_gray || (channels == 1 && LumaIsFirstComponent(frame, layout))) {
    return values(0, LevelTable(frame, 1.0)).unsqueeze(0).expand({channels, -1, -1});
  }
  if (channels == 1) {
    const auto tables = LumaTables(frame, layout);
    return (values(0, tables[0]) + values(1, tables[1]) + values(2, tables[2]))
        .clamp_(0.0, 1.0)
        .unsqueeze(0);
  }
  if (layout.model == ColorModel::kRgb) {
    const SampleTable level = LevelTable(frame, 1.0);
    return torch::stack({values(0, level), values(1, level), values(2, level)});
  }
  const ChromaWeights w = ChromaWeightsOf(frame);
  const SampleTable chroma = ChromaTable(frame, 1.0);
  const auto y = values(0, LevelTable(frame, 1.0)), cb = values(1, chroma), cr = values(2, chroma);
  return torch::stack(
             {y + w.red_cr * cr, y + w.green_cb * cb + w.green_cr * cr, y + w.blue_cb * cb})
      .clamp_(0.0, 1.0);
}

// SearchPicture() of the frame's 8-bit luma, with OpenCV's rounding.
cv::Mat DevicePreprocessor::SearchPictureOf(const FrameView& frame) const {
  const cv::Size size(frame.width, frame.height);
  const cv::Rect whole(cv::Point(0, 0), size);
  const Geometry geometry = MakeGeometry(frame, whole, cv::Mat());
  auto luma = (Channels(frame, 1, geometry)[0] * 255.0f).round();
  const int factor = SearchFactor(size);
  const cv::Size small = SearchSize(size);
  if (factor > 1) {
    // Sums of at most 13 x 13 bytes are exact.
    const auto sums = luma.narrow(0, 0, static_cast<int64_t>(small.height) * factor)
                          .narrow(1, 0, static_cast<int64_t>(small.width) * factor)
                          .reshape({small.height, factor, small.width, factor})
                          .sum({1, 3});
    luma = factor == 2 ? ((sums + 2.0f) / 4.0f).floor()
                       : (sums * (1.0f / static_cast<float>(factor * factor))).round();
  }
  const auto bytes = luma.to(torch::kUInt8).cpu().contiguous();
  return cv::Mat(small, CV_8UC1, bytes.data_ptr<std::uint8_t>()).clone();
}

// An empty mask: for Channels() alone.
DevicePreprocessor::Geometry DevicePreprocessor::MakeGeometry(const FrameView& frame,
                                                              const cv::Rect& bounds,
                                                              const cv::Mat& mask) const {
  Geometry geometry;
  geometry.bounds = bounds;
  const SampleLayout& layout = CheckedLayout(frame);
  const auto indices = [this](int first, int count, int shift) {
    if (shift == 0) return torch::Tensor();
    std::vector<int64_t> sample(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) sample[i] = ((first + i) >> shift) - (first >> shift);
    return torch::tensor(sample).to(device_);
  };
  const bool is_gray = layout.model == ColorModel::kGray8 || layout.model == ColorModel::kGray16;
  for (std::size_t i = 0; i < (is_gray ? 1 : layout.components.size()); ++i) {
    const Component& c = layout.components[i];
    geometry.sample_rows[i] = indices(bounds.y, bounds.height, c.y_shift);
    geometry.sample_columns[i] = indices(bounds.x, bounds.width, c.x_shift);
  }
  if (mask.empty()) return geometry;

  const cv::Mat inside = mask(bounds).clone();
  geometry.mask = (Bytes(inside.data, inside.rows, inside.cols, inside.cols, 1, torch::kCPU) != 0)
                      .to(torch::kFloat32)
                      .to(device_);
  geometry.rows = ResizeMatrix(bounds.height, options_.size).to(torch::kFloat32).to(device_);
  geometry.columns =
      ResizeMatrix(bounds.width, options_.size).to(torch::kFloat32).t().contiguous().to(device_);
  return geometry;
}

}  // namespace hepar
