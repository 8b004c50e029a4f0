// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A scan has the same grade, and the overlay draws the same panel, in every format of the caps.
#include <gst/video/gstvideometa.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

constexpr const char* kFormats[] = {"GRAY8", "GRAY16_LE", "GRAY10_LE32", "RGB",  "BGR",      "RGBx",
                                    "BGRx",  "xRGB",      "xBGR",        "RGBA", "BGRA",     "ARGB",
                                    "ABGR",  "I420",      "NV12",        "NV21", "Y42B",     "Y444",
                                    "YUY2",  "UYVY",      "Y210",        "v210", "P010_10LE"};

// Video range has 219 levels, so a gray level moves by up to 1/438 on the way.
constexpr double kTolerance = 0.02;  // Of each probability.

enum class Kind { kPlain, kPadded, kCropped, kInterlaced };

struct Size {
  int width, height;
};

std::string FormatCaps(const std::string& format, Size size, Kind kind = Kind::kPlain) {
  return CapsOf(format, size.width, size.height) +
         (kind == Kind::kInterlaced ? ",interlace-mode=interleaved" : "");
}

// The gray picture of a simulated scan.
const std::vector<guint8>& Scan(Size size) {
  static std::map<std::pair<int, int>, std::vector<guint8>> scans;
  std::vector<guint8>& pixels = scans[{size.width, size.height}];
  if (!pixels.empty()) return pixels;
  GstHarness* harness = gst_harness_new("heparsimsrc");
  gst_util_set_object_arg(G_OBJECT(harness->element), "severity", "severe");
  gst_harness_set_blocking_push_mode(harness);
  gst_harness_set_sink_caps_str(harness, FormatCaps("GRAY8", size).c_str());
  gst_harness_play(harness);
  const BufferPtr buffer(gst_harness_pull(harness));
  const GstVideoInfo info = InfoOf(FormatCaps("GRAY8", size));
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READ));
  for (int y = 0; y < size.height; ++y) {
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                      y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    pixels.insert(pixels.end(), row, row + size.width);
  }
  gst_video_frame_unmap(&frame);
  gst_harness_teardown(harness);
  return pixels;
}

// A buffer of `info` whose rows end in bytes of no meaning.
BufferPtr PaddedBuffer(const GstVideoInfo& info) {
  gint strides[GST_VIDEO_MAX_PLANES] = {};
  gsize offsets[GST_VIDEO_MAX_PLANES] = {};
  gsize size = 48;
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info.finfo, plane, components);
    strides[plane] = GST_VIDEO_INFO_PLANE_STRIDE(&info, plane) + 96;
    offsets[plane] = size;
    size +=
        static_cast<gsize>(strides[plane]) * GST_VIDEO_INFO_COMP_HEIGHT(&info, components[0]) + 32;
  }
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0xa5, size);
  gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE,
                                 GST_VIDEO_INFO_FORMAT(&info), GST_VIDEO_INFO_WIDTH(&info),
                                 GST_VIDEO_INFO_HEIGHT(&info), GST_VIDEO_INFO_N_PLANES(&info),
                                 offsets, strides);
  return buffer;
}

// What GStreamer's converter makes of a picture; `to` is written.
void Convert(GstBuffer* from, const GstVideoInfo& from_info, GstBuffer* to,
             const GstVideoInfo& to_info) {
  GstVideoConverter* converter = gst_video_converter_new(
      &from_info, &to_info,
      gst_structure_new("options", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
                        GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, nullptr));
  ASSERT_NE(converter, nullptr);
  GstVideoFrame in, out;
  EXPECT_TRUE(gst_video_frame_map(&in, &from_info, from, GST_MAP_READ));
  EXPECT_TRUE(gst_video_frame_map(&out, &to_info, to, GST_MAP_WRITE));
  gst_video_converter_frame(converter, &in, &out);
  gst_video_frame_unmap(&out);
  gst_video_frame_unmap(&in);
  gst_video_converter_free(converter);
}

// A gray picture (rows without padding) in a format.
BufferPtr Encode(const std::vector<guint8>& pixels, Size size, const std::string& format,
                 Kind kind) {
  const GstVideoInfo gray = InfoOf(FormatCaps("GRAY8", size));
  const GstVideoInfo info = InfoOf(FormatCaps(format, size));
  const BufferPtr source(gst_buffer_new_allocate(nullptr, gray.size, nullptr));
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &gray, source.get(), GST_MAP_WRITE));
  for (int y = 0; y < size.height; ++y) {
    std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(y) * size.width, size.width,
                static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                    static_cast<std::ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0));
  }
  gst_video_frame_unmap(&frame);
  BufferPtr buffer = kind == Kind::kPadded
                         ? PaddedBuffer(info)
                         : BufferPtr(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  Convert(source.get(), gray, buffer.get(), info);
  GST_BUFFER_PTS(buffer.get()) = 0;
  GST_BUFFER_DURATION(buffer.get()) = kFrameTime;
  if (kind == Kind::kInterlaced) {
    GST_BUFFER_FLAG_SET(buffer.get(), GST_VIDEO_BUFFER_FLAG_INTERLACED);
  }
  return buffer;
}

// The scan, or for a crop the scan inside of a larger picture of noise.
std::pair<BufferPtr, std::string> Input(const std::string& format, Size size, Kind kind) {
  const std::vector<guint8>& scan = Scan(size);
  if (kind != Kind::kCropped) {
    return {Encode(scan, size, format, kind), FormatCaps(format, size, kind)};
  }
  constexpr int kLeft = 6, kTop = 4;
  const Size whole = {size.width + 13, size.height + 9};
  std::vector<guint8> pixels(static_cast<std::size_t>(whole.width) * whole.height);
  guint32 random = 1;
  for (guint8& pixel : pixels) {
    random = random * 1664525 + 1013904223;
    pixel = static_cast<guint8>(random >> 24);
  }
  for (int y = 0; y < size.height; ++y) {
    std::copy_n(scan.begin() + static_cast<std::ptrdiff_t>(y) * size.width, size.width,
                pixels.begin() + static_cast<std::ptrdiff_t>(y + kTop) * whole.width + kLeft);
  }
  BufferPtr buffer = Encode(pixels, whole, format, kind);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer.get());
  crop->x = kLeft;
  crop->y = kTop;
  crop->width = size.width;
  crop->height = size.height;
  return {std::move(buffer), FormatCaps(format, whole)};
}

// heparclassify with the model of simulated scans; sizes and formats may change.
class Grader {
 public:
  GstHeparSeverity Grade(const std::string& format, Size size, Kind kind) {
    auto [buffer, caps] = Input(format, size, kind);
    gst_harness_set_src_caps_str(pipe_.harness(), caps.c_str());
    const BufferPtr out = pipe_.Process(std::move(buffer));
    return SeverityOf(out.get());
  }

 private:
  Pipe pipe_{"heparclassify mode=sync device=cpu smoothing=0 model=" PRETRAINED_DIR
             "/steatosis-sim-live.hepar",
             FormatCaps("GRAY8", {64, 64})};
};

class FormatsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FormatsTest, HasTheGradeOfGray) {
  Grader grader;
  for (const auto& [size, kind] :
       std::vector<std::pair<Size, Kind>>{{{320, 240}, Kind::kPlain},
                                          {{301, 227}, Kind::kPlain},
                                          {{301, 227}, Kind::kPadded},
                                          {{301, 227}, Kind::kCropped},
                                          {{320, 240}, Kind::kInterlaced}}) {
    SCOPED_TRACE("width " + std::to_string(size.width) + ", kind " +
                 std::to_string(static_cast<int>(kind)));
    const GstHeparSeverity gray = grader.Grade("GRAY8", size, Kind::kPlain);
    const GstHeparSeverity other = grader.Grade(GetParam(), size, kind);
    EXPECT_EQ(gray.grade, 3);
    EXPECT_EQ(other.grade, gray.grade);
    EXPECT_EQ(other.state, gray.state);
    ASSERT_EQ(other.raw_probabilities.size(), gray.raw_probabilities.size());
    for (std::size_t i = 0; i < gray.raw_probabilities.size(); ++i) {
      EXPECT_NEAR(other.raw_probabilities[i], gray.raw_probabilities[i], kTolerance);
    }
  }
}

// The luma of a frame, full range, 8 bits.
std::vector<guint8> LumaOf(GstBuffer* buffer, const GstVideoInfo& info) {
  std::vector<guint8> luma;
  const int width = GST_VIDEO_INFO_WIDTH(&info), height = GST_VIDEO_INFO_HEIGHT(&info);
  if (!GST_VIDEO_INFO_IS_YUV(&info)) {
    const GstVideoInfo gray = InfoOf(FormatCaps("GRAY8", {width, height}));
    const BufferPtr picture(gst_buffer_new_allocate(nullptr, gray.size, nullptr));
    Convert(buffer, info, picture.get(), gray);
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_frame_map(&frame, &gray, picture.get(), GST_MAP_READ));
    for (int y = 0; y < height; ++y) {
      const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                        y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
      luma.insert(luma.end(), row, row + width);
    }
    gst_video_frame_unmap(&frame);
    return luma;
  }
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  std::vector<guint16> line(static_cast<std::size_t>(width + 8) * 4);
  const bool is_wide = info.finfo->unpack_format == GST_VIDEO_FORMAT_AYUV64;
  for (int y = 0; y < height; ++y) {
    info.finfo->unpack_func(info.finfo, GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE, line.data(), frame.data,
                            frame.info.stride, 0, y, width);
    for (int x = 0; x < width; ++x) {
      const double level = is_wide ? line[4 * x + 1] / 256.0
                                   : reinterpret_cast<const guint8*>(line.data())[4 * x + 1];
      luma.push_back(
          static_cast<guint8>(std::clamp(std::round((level - 16.0) * 255.0 / 219.0), 0.0, 255.0)));
    }
  }
  gst_video_frame_unmap(&frame);
  return luma;
}

struct Drawing {
  GstVideoInfo info;
  std::vector<guint8> luma;
};

// What heparoverlay makes of a flat picture.
Drawing Drawn(const std::string& format, Size size, Kind kind, const std::string& settings) {
  const std::vector<guint8> flat(static_cast<std::size_t>(size.width) * size.height, 120);
  Pipe pipe("heparoverlay " + settings, FormatCaps(format, size));
  BufferPtr in = Encode(flat, size, format, kind);
  GstHeparSeverity severity;
  severity.label = "severe";
  severity.grade = 3;
  severity.probabilities = severity.raw_probabilities = {0.0, 0.1, 0.1, 0.8};
  severity.class_names = {"normal", "mild", "moderate", "severe"};
  severity.confidence = 0.8;
  gst_buffer_set_hepar_severity(in.get(), severity);
  const BufferPtr out = pipe.Process(std::move(in));
  GstPad* pad = pipe.harness()->sinkpad;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  Drawing drawing;
  EXPECT_TRUE(gst_video_info_from_caps(&drawing.info, caps));
  drawing.luma = LumaOf(out.get(), drawing.info);
  return drawing;
}

// The same of gray, which many tests compare with.
const Drawing& GrayDrawing(Size size, const std::string& settings) {
  static std::map<std::tuple<int, int, std::string>, Drawing> drawings;
  Drawing& drawing = drawings[{size.width, size.height, settings}];
  if (drawing.luma.empty()) drawing = Drawn("GRAY8", size, Kind::kPlain, settings);
  return drawing;
}

int WorstDifference(const Drawing& a, const Drawing& b) {
  EXPECT_EQ(a.luma.size(), b.luma.size());
  int worst = 0;
  for (std::size_t i = 0; i < std::min(a.luma.size(), b.luma.size()); ++i) {
    worst = std::max(worst, std::abs(a.luma[i] - b.luma[i]));
  }
  return worst;
}

TEST_P(FormatsTest, ShowsThePanelOfGray) {
  constexpr Size kSize = {642, 483};
  const Drawing gray = GrayDrawing(kSize, "position=top-left");
  EXPECT_GT(std::count_if(gray.luma.begin(), gray.luma.end(), [](guint8 v) { return v != 120; }),
            1000);
  for (const Kind kind : {Kind::kPlain, Kind::kPadded}) {
    const Drawing other = Drawn(GetParam(), kSize, kind, "position=top-left");
    EXPECT_LE(WorstDifference(other, gray), 4);
    const Drawing placed = Drawn(GetParam(), kSize, kind, "");
    EXPECT_LE(WorstDifference(placed, GrayDrawing(kSize, "")), 4);
  }
}

// A strip to the right holds the panel, and the picture stays as it is.
TEST_P(FormatsTest, ShowsThePanelBesideThePicture) {
  for (const Size size : {Size{400, 300}, Size{321, 241}}) {
    for (const Kind kind : {Kind::kPlain, Kind::kPadded}) {
      SCOPED_TRACE(size.width);
      const Drawing gray = GrayDrawing(size, "layout=beside");
      const Drawing other = Drawn(GetParam(), size, kind, "layout=beside");
      EXPECT_EQ(GST_VIDEO_INFO_HEIGHT(&other.info), size.height);
      const int width = GST_VIDEO_INFO_WIDTH(&other.info);
      EXPECT_EQ(width, GST_VIDEO_INFO_WIDTH(&gray.info));
      ASSERT_GT(width, size.width + 100);
      EXPECT_LT(width, size.width + std::max(180, size.height / 2));
      int changed = 0, black = 0, drawn = 0;
      for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < width; ++x) {
          const int level = other.luma[static_cast<std::size_t>(y) * width + x];
          if (x < size.width) {
            changed += std::abs(level - 120) > 1;
          } else {
            ++(level == 0 ? black : drawn);
          }
        }
      }
      EXPECT_EQ(changed, 0);
      EXPECT_GT(black, 1000);
      EXPECT_GT(drawn, 1000);
      EXPECT_LE(WorstDifference(other, gray), 4);
    }
  }
}

// Wrongly marked video range is found in the formats that are repacked, too.
class YuvFormatsTest : public FormatsTest {};

TEST_P(YuvFormatsTest, DarkVideoRangeIsReadAsFullRange) {
  const std::string format = GetParam();
  const std::string caps = FormatCaps(format, {320, 240});
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(), caps + ",colorimetry=bt601");
  const GstVideoInfo gray = InfoOf(FormatCaps("GRAY8", {320, 240}));
  const GstVideoInfo full = InfoOf(caps + ",colorimetry=1:4:16:4");
  const std::vector<guint8>& scan = Scan({320, 240});
  const BufferPtr source(
      gst_buffer_new_memdup(scan.data(), scan.size()));  // 320: rows have no padding.
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, full.size, nullptr));
  Convert(source.get(), gray, buffer.get(), full);
  pipe.Process(std::move(buffer));
  const MessagePtr warning = pipe.PopMessage(GST_MESSAGE_WARNING);
  ASSERT_NE(warning, nullptr);
  EXPECT_NE(ParseError(warning.get()).text.find("full range"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, FormatsTest, ::testing::ValuesIn(kFormats),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(All, YuvFormatsTest,
                         ::testing::Values("I420", "NV12", "NV21", "Y42B", "Y444", "YUY2", "UYVY",
                                           "Y210", "v210", "P010_10LE"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hepar::testing
