// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/cine_stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <utility>

#include "elements/gstheparscanmeta.h"
#include "elements/video_view.h"

namespace hepar {
namespace {

constexpr std::int64_t kStillNs = 40 * GST_MSECOND;

// Headers round times to a few digits, so common rates are recognized.
std::array<int, 2> FractionOf(double rate) {
  constexpr double kRounding = 2e-4;
  for (const double denominator : {1.0, 1.001}) {
    const double whole = std::round(rate * denominator);
    if (whole < 1.0 || std::abs(whole / denominator / rate - 1.0) > kRounding) continue;
    const auto number = static_cast<int>(whole);
    return denominator == 1.0 ? std::array{number, 1} : std::array{1000 * number, 1001};
  }
  std::array<int, 2> fraction = {0, 1};
  gst_util_double_to_fraction(rate, &fraction[0], &fraction[1]);
  return fraction;
}

const char* FormatOf(int type) {
  return type == CV_8UC1 ? "GRAY8" : type == CV_16UC1 ? "GRAY16_LE" : "BGR";
}

}  // namespace

CineStream::CineStream(std::string bytes, const std::string& name, bool loop, Warn warn)
    : pictures_(std::move(bytes), name, warn),
      header_(ReadCineHeader(pictures_.content(), name, warn)),
      loop_(loop) {
  if (loop_ && header_.times.is_still()) {
    header_.times.begins = {0, kStillNs};
    header_.times.rate = 1e9 / kStillNs;
  }
}

GstCaps* CineStream::MakeCaps() const {
  const auto [numerator, denominator] =
      header_.times.rate ? FractionOf(*header_.times.rate) : std::array{0, 1};
  return gst_caps_new_simple(
      "video/x-raw", "format", G_TYPE_STRING, FormatOf(pictures_.type()), "width", G_TYPE_INT,
      pictures_.content().shape.columns, "height", G_TYPE_INT, pictures_.content().shape.rows,
      "framerate", GST_TYPE_FRACTION, numerator, denominator, "pixel-aspect-ratio",
      GST_TYPE_FRACTION, header_.aspect_width, header_.aspect_height, nullptr);
}

GstClockTime CineStream::duration() const {
  if (loop_ || header_.times.is_still()) return GST_CLOCK_TIME_NONE;
  return static_cast<GstClockTime>(times().back());
}

GstClockTime CineStream::longest_frame() const {
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < times().size(); ++i) {
    longest = std::max(longest, times()[i] - times()[i - 1]);
  }
  return static_cast<GstClockTime>(longest);
}

GstClockTime CineStream::TimeOf(guint64 number) const {
  if (header_.times.is_still()) return 0;
  return number / count() * static_cast<guint64>(times().back()) +
         static_cast<guint64>(times()[number % count()]);
}

GstClockTime CineStream::Seek(GstClockTime time) {
  next_ = 0;
  if (header_.times.is_still()) return 0;
  const auto total = static_cast<guint64>(times().back());
  const guint64 round = loop_ ? time / total : 0;
  const auto within = static_cast<std::int64_t>(time - round * total);
  const auto after = std::upper_bound(times().begin(), times().end() - 1, within);
  next_ = round * count() + static_cast<guint64>(after - times().begin() - 1);
  return now();
}

void CineStream::Fill(GstBuffer* buffer, const GstVideoInfo& info) {
  cv::Mat picture = pictures_.Picture(static_cast<int>(next_ % count()));
  // One of 8 bits between others of 16.
  if (picture.type() != pictures_.type()) picture.convertTo(picture, CV_16U, 257.0);
  {
    VideoMapping mapping(buffer, info, GST_MAP_WRITE);
    GstVideoFrame* frame = mapping.frame();
    const std::size_t bytes = static_cast<std::size_t>(picture.cols) * picture.elemSize();
    for (int y = 0; y < picture.rows; ++y) {
      std::memcpy(static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(frame, 0)) +
                      static_cast<std::ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0),
                  picture.ptr(y), bytes);
    }
  }
  GST_BUFFER_PTS(buffer) = now();
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(buffer) =
      header_.times.is_still() ? GST_CLOCK_TIME_NONE : TimeOf(next_ + 1) - now();
  GST_BUFFER_OFFSET(buffer) = next_;
  GST_BUFFER_OFFSET_END(buffer) = next_ + 1;
  if (header_.region) {
    const cv::Rect& bounds = header_.region->bounds;
    gst_buffer_set_hepar_scan(
        buffer, {bounds.x, bounds.y, bounds.width, bounds.height, picture.cols, picture.rows,
                 header_.region->pixel_width_mm, header_.region->pixel_height_mm});
  }
  ++next_;
}

GstStructure* CineStream::Describe() const {
  const auto& burned_in = header_.has_burned_in_annotation;
  GstStructure* structure = gst_structure_new(
      "hepar-dicom", "frames", G_TYPE_INT, pictures_.content().frames, "transfer-syntax",
      G_TYPE_STRING, pictures_.content().file.transfer_syntax.c_str(), "burned-in-annotation",
      G_TYPE_STRING,
      !burned_in   ? "unknown"
      : *burned_in ? "yes"
                   : "no",
      nullptr);
  if (header_.times.rate) {
    gst_structure_set(structure, "rate", G_TYPE_DOUBLE, *header_.times.rate, nullptr);
  }
  if (header_.region) {
    const cv::Rect& bounds = header_.region->bounds;
    gst_hepar_scan_to_structure({bounds.x, bounds.y, bounds.width, bounds.height,
                                 pictures_.content().shape.columns, pictures_.content().shape.rows,
                                 header_.region->pixel_width_mm, header_.region->pixel_height_mm},
                                structure);
  }
  return structure;
}

}  // namespace hepar
