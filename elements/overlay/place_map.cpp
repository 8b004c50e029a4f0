// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/place_map.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <vector>

#include "elements/overlay/blend.h"
#include "models/image/sector.h"

namespace hepar {
namespace {

constexpr int kCells = 80;         // Across the shorter side.
constexpr int kSamples = 8;        // In each direction of a cell, at most.
constexpr int kSectorWidth = 320;  // Pixels of the picture in which the scan is looked for.

// Levels (0..255) between the darkest and the brightest sample of a cell that shows text. Noise of
// a capture card stays below.
constexpr int kTextContrast = 48;

// The cost of the way from a corner to the middle of an edge.
constexpr double kCornerPull = 0.04;

// Samples of the brightness of the visible part: every `step`th pixel of every `step`th row, the
// upper 8 bits. For formats of 10 bits.
cv::Mat UnpackedSamples(const GstVideoFrame& frame, const OverlayRect& visible, int step) {
  constexpr int kChannels = 4, kLuma = 1;  // AYUV64.
  const GstVideoFormatInfo* format = frame.info.finfo;
  const int width = visible.x + visible.width;
  std::vector<guint16> line(static_cast<std::size_t>(width + 6) * kChannels);
  cv::Mat samples((visible.height + step - 1) / step, (visible.width + step - 1) / step, CV_8UC1);
  for (int y = 0; y < samples.rows; ++y) {
    format->unpack_func(format, GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE, line.data(), frame.data,
                        frame.info.stride, 0, visible.y + y * step, width);
    auto* out = samples.ptr<std::uint8_t>(y);
    for (int x = 0; x < samples.cols; ++x) {
      const std::size_t pixel = static_cast<std::size_t>(visible.x) + x * step;
      out[x] = static_cast<std::uint8_t>(line[pixel * kChannels + kLuma] >> 8);
    }
  }
  return samples;
}

// The same for the other formats.
cv::Mat AddressedSamples(const GstVideoFrame& frame, const OverlayRect& visible, int step) {
  const GstVideoFormatInfo* format = frame.info.finfo;
  const int component = GST_VIDEO_FORMAT_INFO_IS_RGB(format) ? GST_VIDEO_COMP_G : GST_VIDEO_COMP_Y;
  const int pixel_step = GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, component);
  const int stride = GST_VIDEO_FRAME_COMP_STRIDE(&frame, component);
  const int high_byte = GST_VIDEO_FRAME_COMP_DEPTH(&frame, component) > 8 ? 1 : 0;
  const auto* data =
      static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_COMP_DATA(&frame, component)) + high_byte;

  cv::Mat samples((visible.height + step - 1) / step, (visible.width + step - 1) / step, CV_8UC1);
  for (int y = 0; y < samples.rows; ++y) {
    const std::uint8_t* row = data + static_cast<std::ptrdiff_t>(visible.y + y * step) * stride +
                              static_cast<std::ptrdiff_t>(visible.x) * pixel_step;
    auto* out = samples.ptr<std::uint8_t>(y);
    for (int x = 0; x < samples.cols; ++x) {
      out[x] = row[static_cast<std::ptrdiff_t>(x) * step * pixel_step];
    }
  }
  return samples;
}

// Samples of the brightness of the visible part, full range.
cv::Mat Brightness(const GstVideoFrame& frame, const OverlayRect& visible, int step) {
  const GstVideoFormatInfo* format = frame.info.finfo;
  cv::Mat samples = IsTenBit(format) ? UnpackedSamples(frame, visible, step)
                                     : AddressedSamples(frame, visible, step);
  const GstVideoColorRange range = frame.info.colorimetry.range;
  if (range == GST_VIDEO_COLOR_RANGE_16_235 ||
      (range == GST_VIDEO_COLOR_RANGE_UNKNOWN && GST_VIDEO_FORMAT_INFO_IS_YUV(format))) {
    samples.convertTo(samples, CV_8U, 255.0 / 219.0, -16.0 * 255.0 / 219.0);
  }
  return samples;
}

// The cells that show the scan: CV_8UC1, 1 inside. Empty if there is none.
cv::Mat ScanCells(const cv::Mat& brightness, cv::Size cells) {
  cv::Mat picture = brightness;
  if (picture.cols > kSectorWidth) {
    const double scale = static_cast<double>(kSectorWidth) / picture.cols;
    cv::resize(picture, picture, {}, scale, scale, cv::INTER_AREA);
  }
  SectorRule rule;
  rule.kind = SectorRule::Kind::kAuto;
  const std::optional<Sector> sector = TryFindSector(picture, rule);
  if (!sector) return {};
  cv::Mat scan;
  cv::resize(sector->mask, scan, cells, 0, 0, cv::INTER_AREA);
  return (scan > 0) / 255;
}

}  // namespace

PlaceMap::PlaceMap(const GstVideoFrame& frame, const OverlayRect& visible)
    : width_(visible.width),
      height_(visible.height),
      cell_(std::max(2, std::min(visible.width, visible.height) / kCells)) {
  const int step = std::max(1, cell_ / kSamples);
  const cv::Mat brightness = Brightness(frame, visible, step);
  const cv::Size cells((width_ + cell_ - 1) / cell_, (height_ + cell_ - 1) / cell_);
  cv::Mat scan = ScanCells(brightness, cells);
  has_scan_ = !scan.empty();
  if (!has_scan_) scan = cv::Mat::zeros(cells, CV_8UC1);
  // The rim of the scan is no text.
  cv::Mat near_scan;
  cv::dilate(scan, near_scan, cv::Mat());

  cv::Mat text = cv::Mat::zeros(cells, CV_8UC1);
  for (int y = 0; y < cells.height; ++y) {
    for (int x = 0; x < cells.width; ++x) {
      if (near_scan.at<std::uint8_t>(y, x) != 0) continue;
      const cv::Rect all(0, 0, brightness.cols, brightness.rows);
      const cv::Rect cell =
          cv::Rect(x * cell_ / step, y * cell_ / step, cell_ / step + 1, cell_ / step + 1) & all;
      if (cell.empty()) continue;
      double darkest = 0.0, brightest = 0.0;
      cv::minMaxLoc(brightness(cell), &darkest, &brightest);
      text.at<std::uint8_t>(y, x) = brightest - darkest >= kTextContrast ? 1 : 0;
    }
  }
  cv::integral(scan, scan_, CV_32S);
  cv::integral(text, text_, CV_32S);
}

double PlaceMap::Cost(const OverlayRect& rect) const {
  const auto index = [this](int pixel, int end) {
    return (std::clamp(pixel, 0, end) + cell_ - 1) / cell_;
  };
  const int left = std::clamp(rect.x, 0, width_) / cell_;
  const int top = std::clamp(rect.y, 0, height_) / cell_;
  const int right = index(rect.x + rect.width, width_);
  const int bottom = index(rect.y + rect.height, height_);
  if (left >= right || top >= bottom) return 0.0;
  const auto sum = [&](const cv::Mat& cells) {
    return cells.at<int>(bottom, right) - cells.at<int>(top, right) - cells.at<int>(bottom, left) +
           cells.at<int>(top, left);
  };
  return (sum(scan_) + kTextWeight * sum(text_)) / ((right - left) * (bottom - top));
}

OverlayRect PlaceMap::Best(int width, int height, int margin) const {
  const int last_x = std::max(0, width_ - width);
  const int last_y = std::max(0, height_ - height);
  const int first_y = std::min(margin, last_y / 2);
  const int room = last_y - 2 * first_y;
  const int steps = std::max(1, room / cell_);
  OverlayRect best;
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i <= steps; ++i) {
    // From the top down, but a place close to the bottom costs as little as one close to the top.
    const int y = first_y + static_cast<int>(static_cast<std::int64_t>(room) * i / steps);
    const double pull = kCornerPull * std::min(i, steps - i) / (0.5 * steps);
    for (const int x : {std::min(margin, last_x / 2), last_x - std::min(margin, last_x / 2)}) {
      const OverlayRect rect = {x, y, width, height};
      const double cost = Cost(rect) + pull;
      if (cost < least - 1e-9) {
        least = cost;
        best = rect;
      }
    }
  }
  return best;
}

}  // namespace hepar
