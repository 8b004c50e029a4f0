// SPDX-License-Identifier: LGPL-2.1-or-later
//
// DICOM files as video: heparcinesrc and hepardicomdec, on files that the tests make and on real
// ones.
#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmImageWriter.h>
#include <gdcmTrace.h>
#include <gmock/gmock.h>
#include <gst/app/gstappsink.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <utility>
#include <vector>

#include "elements/gstheparscanmeta.h"
#include "tests/elements/element_test.h"
#include "tests/support/dicom_writer.h"

namespace hepar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kColumns = 50, kRows = 42;
constexpr int kFrames = 4;
constexpr std::uint32_t kPixels = 0x7fe00010;

// The shown value, 0 to 255, of a pixel; different in each frame, row, column and channel.
int Shown(int frame, int x, int y, int channel = 0) {
  return 20 + (3 * x + 2 * y + 30 * frame + 17 * channel) % 200;
}

std::string Frames(int samples, bool is_planar, int frames = kFrames) {
  std::string bytes;
  for (int frame = 0; frame < frames; ++frame) {
    for (int plane = 0; plane < (is_planar ? samples : 1); ++plane) {
      for (int y = 0; y < kRows; ++y) {
        for (int x = 0; x < kColumns; ++x) {
          for (int c = 0; c < (is_planar ? 1 : samples); ++c) {
            bytes += static_cast<char>(Shown(frame, x, y, is_planar ? plane : c));
          }
        }
      }
    }
  }
  return bytes;
}

std::string NumberOfFrames(const DicomWriter& writer, int frames = kFrames) {
  return frames == 1 ? "" : writer.Element(0x00280008, "IS", std::to_string(frames));
}

std::string GrayFile(const std::string& before = "", int frames = kFrames) {
  const DicomWriter writer;
  return DicomWriter::File(kExplicit, before + NumberOfFrames(writer, frames) +
                                          writer.Shape(kColumns, kRows) +
                                          writer.Element(kPixels, "OB", Frames(1, false, frames)));
}

std::string FrameTime(const std::string& ms) { return DicomWriter().Element(0x00181063, "DS", ms); }

// A region of 2D tissue, with pixels of 0.05 x 0.04 cm.
std::string Region(std::uint32_t left, std::uint32_t top, std::uint32_t right, std::uint32_t bottom,
                   std::uint32_t data_type = 1) {
  const DicomWriter w;
  const auto number = [&](std::uint32_t tag, std::uint32_t value) {
    return w.Element(tag, "UL", w.Number(value, 4));
  };
  const auto real = [&](std::uint32_t tag, double value) {
    return w.Element(tag, "FD", std::string(reinterpret_cast<const char*>(&value), sizeof value));
  };
  return w.Item(w.Words(0x00186012, {1}) + w.Words(0x00186014, {data_type}) +
                number(0x00186018, left) + number(0x0018601a, top) + number(0x0018601c, right) +
                number(0x0018601e, bottom) + w.Words(0x00186024, {3}) + w.Words(0x00186026, {3}) +
                real(0x0018602c, 0.05) + real(0x0018602e, 0.04));
}

std::string Regions(const std::string& items) { return DicomWriter().Sequence(0x00186011, items); }

// The same file in another transfer syntax.
std::string Transcoded(const std::string& file, gdcm::TransferSyntax::TSType syntax) {
  gdcm::Trace::WarningOff();
  const std::string path = WriteFile("plain.dcm", file);
  gdcm::ImageReader reader;
  reader.SetFileName(path.c_str());
  EXPECT_TRUE(reader.Read());
  gdcm::ImageChangeTransferSyntax change;
  change.SetTransferSyntax(gdcm::TransferSyntax(syntax));
  change.SetInput(reader.GetImage());
  EXPECT_TRUE(change.Change());
  gdcm::ImageWriter writer;
  writer.SetFile(reader.GetFile());
  writer.SetImage(change.GetOutput());
  const std::string coded = path + ".coded";
  writer.SetFileName(coded.c_str());
  EXPECT_TRUE(writer.Write());
  std::ifstream in(coded, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string SourceOf(const std::string& path) { return "heparcinesrc location=" + path; }
std::string DecodedOf(const std::string& path) {
  return "filesrc location=" + path + " ! decodebin";
}

// A pipeline that ends in an appsink.
class Player {
 public:
  explicit Player(const std::string& source, const std::string& middle = "") {
    g_autoptr(GError) error = nullptr;
    pipeline_ = gst_parse_launch(
        (source + " ! " + middle + " appsink name=sink sync=false").c_str(), &error);
    EXPECT_NE(pipeline_, nullptr) << (error ? error->message : "");
    gst_object_ref_sink(pipeline_);
    sink_ = gst_bin_get_by_name(GST_BIN(pipeline_), "sink");
  }
  ~Player() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(sink_);
    gst_object_unref(pipeline_);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  GstElement* get() { return pipeline_; }
  void Play(GstState state = GST_STATE_PLAYING) { gst_element_set_state(pipeline_, state); }
  bool Preroll() {
    Play(GST_STATE_PAUSED);
    return gst_element_get_state(pipeline_, nullptr, nullptr, 30 * GST_SECOND) ==
           GST_STATE_CHANGE_SUCCESS;
  }

  // The next buffer; null at the end.
  BufferPtr Pull() {
    GstSample* sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink_), 30 * GST_SECOND);
    if (sample == nullptr) return nullptr;
    gst_caps_replace(&caps_, gst_sample_get_caps(sample));
    EXPECT_TRUE(gst_video_info_from_caps(&info_, caps_));
    g_autofree gchar* text = gst_caps_to_string(caps_);
    caps_text_ = text;
    BufferPtr buffer(gst_buffer_ref(gst_sample_get_buffer(sample)));
    gst_sample_unref(sample);
    gst_caps_replace(&caps_, nullptr);
    return buffer;
  }

  std::vector<BufferPtr> PullAll() {
    std::vector<BufferPtr> all;
    while (BufferPtr buffer = Pull()) all.push_back(std::move(buffer));
    return all;
  }

  MessagePtr Message(GstMessageType type, const char* name = nullptr) {
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline_);
    while (true) {
      MessagePtr message(gst_bus_timed_pop_filtered(bus, 10 * GST_SECOND, type));
      if (!message || !name || gst_message_has_name(message.get(), name)) return message;
    }
  }

  const GstVideoInfo& info() const { return info_; }
  const std::string& caps() const { return caps_text_; }

  // Sample `channel` (in the order of memory) of a pixel, in its own depth.
  int Sample(GstBuffer* buffer, int x, int y, int channel = 0) const {
    GstVideoInfo info = info_;
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                      y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    const bool is_wide = GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_GRAY16_LE;
    const int value = is_wide ? row[2 * x] | row[2 * x + 1] << 8
                              : row[x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, 0) + channel];
    gst_video_frame_unmap(&frame);
    return value;
  }

 private:
  GstElement* pipeline_ = nullptr;
  GstElement* sink_ = nullptr;
  GstCaps* caps_ = nullptr;
  GstVideoInfo info_ = {};
  std::string caps_text_;
};

std::vector<GstClockTime> TimesOf(const std::vector<BufferPtr>& buffers) {
  std::vector<GstClockTime> times;
  for (const BufferPtr& buffer : buffers) times.push_back(GST_BUFFER_PTS(buffer.get()));
  return times;
}

std::vector<GstClockTime> TimesIn(const std::string& file) {
  Player player(SourceOf(WriteFile("times.dcm", file)));
  player.Play();
  return TimesOf(player.PullAll());
}

// A way to write the frames of Shown(), and what comes of them.
struct Layout {
  const char* name;
  std::function<std::string()> file;
  const char* format;
  std::function<int(int frame, int x, int y, int channel)> expected;
  int tolerance = 0;
};

std::string ColorFile(bool is_planar) {
  const DicomWriter w;
  std::string shape = w.Shape(kColumns, kRows, 3, "RGB");
  if (is_planar) {
    const std::string by_pixel = w.Words(0x00280006, {0});
    shape.replace(shape.find(by_pixel), by_pixel.size(), w.Words(0x00280006, {1}));
  }
  return DicomWriter::File(
      kExplicit, NumberOfFrames(w) + shape + w.Element(kPixels, "OB", Frames(3, is_planar)));
}

// Words of 16 bits, of which `stored` count; the shown value times `factor`.
std::string WideFile(const char* syntax, const DicomWriter& w, int stored, int factor,
                     const std::string& scale = "",
                     const std::string& photometric = "MONOCHROME2") {
  std::string pixels;
  for (const char value : Frames(1, false)) {
    pixels += w.Number(static_cast<std::uint32_t>(static_cast<unsigned char>(value) * factor), 2);
  }
  return DicomWriter::File(syntax, NumberOfFrames(w) +
                                       w.Shape(kColumns, kRows, 1, photometric, 16, stored) +
                                       scale + w.Element(kPixels, "OW", pixels));
}

std::string PaletteFile() {
  const DicomWriter w;
  std::string tables;
  for (std::uint32_t c = 0; c < 3; ++c) tables += w.Words(0x00281101 + c, {256, 0, 16});
  for (std::uint32_t c = 0; c < 3; ++c) {
    std::vector<std::uint32_t> entries;
    for (std::uint32_t i = 0; i < 256; ++i) entries.push_back((c == 1 ? 255 - i : i) << 8);
    tables += w.Words(0x00281201 + c, entries, "OW");
  }
  return DicomWriter::File(kExplicit, NumberOfFrames(w) +
                                          w.Shape(kColumns, kRows, 1, "PALETTE COLOR") + tables +
                                          w.Element(kPixels, "OB", Frames(1, false)));
}

int Gray(int frame, int x, int y, int /*channel*/) { return Shown(frame, x, y); }
int Bgr(int frame, int x, int y, int channel) { return Shown(frame, x, y, 2 - channel); }
int Wide(int frame, int x, int y, int /*channel*/) { return Shown(frame, x, y) * 257; }

const std::vector<Layout>& Layouts() {
  using Syntax = gdcm::TransferSyntax;
  const auto coded = [](Syntax::TSType syntax) {
    return [syntax] { return Transcoded(GrayFile(), syntax); };
  };
  static const std::vector<Layout> layouts = {
      {"ExplicitGray", [] { return GrayFile(); }, "GRAY8", Gray},
      {"ImplicitGray",
       [] {
         const DicomWriter w(false);
         return DicomWriter::File(kImplicit, NumberOfFrames(w) + w.Shape(kColumns, kRows) +
                                                 w.Element(kPixels, "OW", Frames(1, false)));
       },
       "GRAY8", Gray},
      {"BigEndianWords", [] { return WideFile(kBigEndian, DicomWriter(true, true), 16, 257); },
       "GRAY16_LE", Wide},
      {"TenBitsStored", [] { return WideFile(kExplicit, DicomWriter(), 10, 4); }, "GRAY16_LE",
       [](int frame, int x, int y, int) { return Shown(frame, x, y) * 4 * 65535 / 1023; }, 1},
      {"TwelveBitsStored", [] { return WideFile(kExplicit, DicomWriter(), 12, 16); }, "GRAY16_LE",
       [](int frame, int x, int y, int) { return Shown(frame, x, y) * 16 * 65535 / 4095; }, 1},
      {"SixteenBitsInverted",
       [] { return WideFile(kExplicit, DicomWriter(), 16, 257, "", "MONOCHROME1"); }, "GRAY16_LE",
       [](int frame, int x, int y, int) { return 65535 - Shown(frame, x, y) * 257; }},
      {"RescaleAndWindow",
       [] {
         const DicomWriter w;
         // 2 v + 100, of which 228 to 484 is shown: 64 to 192 of v.
         return WideFile(kExplicit, w, 16, 1,
                         w.Element(0x00281050, "DS", "356") + w.Element(0x00281051, "DS", "256") +
                             w.Element(0x00281052, "DS", "100") + w.Element(0x00281053, "DS", "2"));
       },
       "GRAY16_LE",
       [](int frame, int x, int y, int) {
         const double value = 2.0 * Shown(frame, x, y) + 100.0;
         return static_cast<int>(
             std::lround(65535.0 * std::clamp((value - 355.5) / 255.0 + 0.5, 0.0, 1.0)));
       },
       1},
      {"Palette", [] { return PaletteFile(); }, "BGR",
       [](int frame, int x, int y, int channel) {
         return channel == 1 ? 255 - Shown(frame, x, y) : Shown(frame, x, y);
       }},
      {"ColorByPixel", [] { return ColorFile(false); }, "BGR", Bgr},
      {"ColorByPlane", [] { return ColorFile(true); }, "BGR", Bgr},
      {"Rle", coded(Syntax::RLELossless), "GRAY8", Gray},
      {"RleColor", [] { return Transcoded(ColorFile(false), Syntax::RLELossless); }, "BGR", Bgr},
      {"JpegBaseline", coded(Syntax::JPEGBaselineProcess1), "GRAY8", Gray, 40},
      {"JpegLossless", coded(Syntax::JPEGLosslessProcess14_1), "GRAY8", Gray},
      {"JpegLs", coded(Syntax::JPEGLSLossless), "GRAY8", Gray},
      {"Jpeg2000", coded(Syntax::JPEG2000Lossless), "GRAY8", Gray},
  };
  return layouts;
}

class CineLayoutTest : public ::testing::TestWithParam<Layout> {};

TEST_P(CineLayoutTest, ShowsWhatTheFileHolds) {
  const Layout& layout = GetParam();
  const std::string path = WriteFile("layout.dcm", layout.file());
  for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
    SCOPED_TRACE(source);
    Player player(source);
    player.Play();
    const std::vector<BufferPtr> frames = player.PullAll();
    ASSERT_EQ(frames.size(), static_cast<std::size_t>(kFrames));
    EXPECT_STREQ(GST_VIDEO_INFO_NAME(&player.info()), layout.format);
    EXPECT_EQ(GST_VIDEO_INFO_WIDTH(&player.info()), kColumns);
    EXPECT_EQ(GST_VIDEO_INFO_HEIGHT(&player.info()), kRows);
    const int channels = std::string(layout.format) == "BGR" ? 3 : 1;
    int worst = 0;
    for (int frame = 0; frame < kFrames; ++frame) {
      for (int y = 0; y < kRows; y += 7) {
        for (int x = 0; x < kColumns; x += 7) {
          for (int c = 0; c < channels; ++c) {
            worst = std::max(worst, std::abs(player.Sample(frames[frame].get(), x, y, c) -
                                             layout.expected(frame, x, y, c)));
          }
        }
      }
    }
    EXPECT_LE(worst, layout.tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CineLayoutTest, ::testing::ValuesIn(Layouts()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CineTimesTest, FollowTheHeader) {
  const DicomWriter w;
  constexpr GstClockTime kMs = GST_MSECOND;
  EXPECT_THAT(TimesIn(GrayFile(FrameTime("40"))), ElementsAre(0, 40 * kMs, 80 * kMs, 120 * kMs));
  const std::string vector = w.Element(0x00181065, "DS", "0\\10\\30.5\\20");
  const auto uneven = ElementsAre(0, 10 * kMs, 40500 * GST_USECOND, 60500 * GST_USECOND);
  EXPECT_THAT(TimesIn(GrayFile(vector)), uneven);
  // The frame increment pointer decides between the two.
  EXPECT_THAT(TimesIn(GrayFile(FrameTime("40") + vector))[1], 40 * kMs);
  EXPECT_THAT(
      TimesIn(GrayFile(FrameTime("40") + vector + w.Words(0x00280009, {0x0018, 0x1065}, "AT"))),
      uneven);
  EXPECT_THAT(TimesIn(GrayFile(w.Element(0x00180040, "IS", "20"))),
              ElementsAre(0, 50 * kMs, 100 * kMs, 150 * kMs));
  EXPECT_THAT(TimesIn(GrayFile(w.Element(0x00082144, "IS", "10")))[3], 300 * kMs);
}

TEST(CineTimesTest, WhatCannotBeUsedIsReportedAndLeftOut) {
  const DicomWriter w;
  for (const auto& [header, text] : std::vector<std::pair<std::string, std::string>>{
           {"", "25 a second"},
           {FrameTime("0"), "frame time '0'"},
           {FrameTime("nan"), "frame time 'nan'"},
           {w.Element(0x00181065, "DS", "0\\10"), "frame time vector"},
           {w.Element(0x00181065, "DS", "0\\10\\0\\10"), "frame time vector"},
           {w.Element(0x00181065, "DS", "0\\10\\-5\\10"), "frame time vector"}}) {
    SCOPED_TRACE(text);
    Player player(SourceOf(WriteFile("odd.dcm", GrayFile(header))));
    player.Play();
    EXPECT_THAT(TimesOf(player.PullAll()),
                ElementsAre(0, 40 * GST_MSECOND, 80 * GST_MSECOND, 120 * GST_MSECOND));
    const MessagePtr warning = player.Message(GST_MESSAGE_WARNING);
    ASSERT_NE(warning, nullptr);
    EXPECT_THAT(ParseError(warning.get()).text, HasSubstr(text));
  }
}

TEST(CineTimesTest, CapsHaveCommonRatesAndTheShapeOfPixels) {
  const DicomWriter w;
  for (const auto& [ms, rate] : std::vector<std::pair<std::string, std::string>>{
           {"33.333", "30/1"}, {"33.37", "30000/1001"}, {"40", "25/1"}, {"80", "25/2"}}) {
    Player player(SourceOf(WriteFile("rate.dcm", GrayFile(FrameTime(ms)))));
    player.Play();
    player.PullAll();
    EXPECT_THAT(player.caps(), HasSubstr("framerate=(fraction)" + rate));
  }
  // Vertical first; behind NumberOfFrames, so not `before` it.
  std::string file = GrayFile(FrameTime("40"));
  const std::string bits = w.Words(0x00280100, {8});
  file.insert(file.find(bits), w.Element(0x00280034, "IS", "4\\3"));
  Player player(SourceOf(WriteFile("aspect.dcm", file)));
  player.Play();
  player.PullAll();
  EXPECT_THAT(player.caps(), HasSubstr("pixel-aspect-ratio=(fraction)3/4"));
}

TEST(CineStillTest, IsOneFrameThatALoopRepeats) {
  const std::string path = WriteFile("still.dcm", GrayFile("", 1));
  for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
    Player player(source);
    player.Play();
    EXPECT_EQ(player.PullAll().size(), 1u);
    EXPECT_THAT(player.caps(), HasSubstr("framerate=(fraction)0/1"));
  }
  Player loop("heparcinesrc loop=true num-buffers=3 location=" + path);
  loop.Play();
  EXPECT_THAT(TimesOf(loop.PullAll()), ElementsAre(0, 40 * GST_MSECOND, 80 * GST_MSECOND));
}

TEST(CineSeekTest, GoesToTheFrameAtATime) {
  const std::string path = WriteFile("seek.dcm", GrayFile(FrameTime("40")));
  for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
    SCOPED_TRACE(source);
    Player player(source);
    ASSERT_TRUE(player.Preroll());
    gint64 duration = 0;
    ASSERT_TRUE(gst_element_query_duration(player.get(), GST_FORMAT_TIME, &duration));
    EXPECT_EQ(duration, 160 * static_cast<gint64>(GST_MSECOND));
    player.Play();
    player.PullAll();
    for (int i = 0; i < 3; ++i) {  // Also after the end.
      ASSERT_TRUE(gst_element_seek(player.get(), 1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                   GST_SEEK_TYPE_SET, 85 * GST_MSECOND, GST_SEEK_TYPE_NONE, 0));
      const std::vector<BufferPtr> rest = player.PullAll();
      ASSERT_EQ(rest.size(), 2u);
      EXPECT_EQ(player.Sample(rest[0].get(), 5, 5), Shown(2, 5, 5));
      EXPECT_EQ(player.Sample(rest[1].get(), 5, 5), Shown(3, 5, 5));
    }
    ASSERT_TRUE(gst_element_seek(player.get(), 1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                 GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, 80 * GST_MSECOND));
    EXPECT_EQ(player.PullAll().size(), 2u);
    // What is refused leaves the stream as it was.
    ASSERT_TRUE(gst_element_seek_simple(player.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    EXPECT_FALSE(gst_element_seek(player.get(), -1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                  GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_END, 0));
    EXPECT_EQ(player.PullAll().size(), static_cast<std::size_t>(kFrames));
  }
}

TEST(CineSeekTest, AnApplicationLoopsBySegments) {
  const std::string path = WriteFile("segment.dcm", GrayFile(FrameTime("40")));
  for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
    SCOPED_TRACE(source);
    Player player(source);
    ASSERT_TRUE(player.Preroll());
    const auto flags = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT);
    ASSERT_TRUE(gst_element_seek_simple(player.get(), GST_FORMAT_TIME, flags, 0));
    player.Play();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < kFrames; ++i) {
        const BufferPtr buffer = player.Pull();
        ASSERT_NE(buffer, nullptr);
        EXPECT_EQ(GST_BUFFER_PTS(buffer.get()), i * 40 * GST_MSECOND);
      }
      ASSERT_NE(player.Message(GST_MESSAGE_SEGMENT_DONE), nullptr);
      ASSERT_TRUE(gst_element_seek_simple(player.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_SEGMENT, 0));
    }
  }
}

TEST(CineLoopTest, TimesGoOn) {
  const std::string path = WriteFile("loop.dcm", GrayFile(FrameTime("40")));
  Player player("heparcinesrc loop=true num-buffers=10 location=" + path);
  player.Play();
  const std::vector<BufferPtr> frames = player.PullAll();
  ASSERT_EQ(frames.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(frames[i].get()), i * 40 * GST_MSECOND);
    EXPECT_EQ(GST_BUFFER_DURATION(frames[i].get()), 40 * GST_MSECOND);
    EXPECT_EQ(player.Sample(frames[i].get(), 1, 1), Shown(i % kFrames, 1, 1));
  }
}

TEST(CineLiveTest, KeepsStepWithTheClockAndCannotSeek) {
  const std::string path = WriteFile("live.dcm", GrayFile(FrameTime("40")));
  Player player("heparcinesrc is-live=true loop=true num-buffers=6 location=" + path);
  EXPECT_EQ(gst_element_set_state(player.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
  const gint64 begin = g_get_monotonic_time();
  player.Play();
  EXPECT_FALSE(gst_element_seek_simple(player.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
  EXPECT_EQ(player.PullAll().size(), 6u);
  EXPECT_GE(g_get_monotonic_time() - begin, 200000);  // The sixth begins 200 ms after the first.
}

GstHeparScan ScanOf(GstBuffer* buffer) {
  GstHeparScan scan;
  EXPECT_TRUE(gst_buffer_get_hepar_scan(buffer, &scan));
  return scan;
}

TEST(CineRegionTest, TravelsWithEachFrame) {
  // The largest of 2D tissue; color flow (2) is none.
  const std::string path = WriteFile(
      "region.dcm",
      GrayFile(FrameTime("40") +
               Regions(Region(0, 0, 49, 41, 2) + Region(2, 2, 18, 18) + Region(4, 2, 43, 39))));
  for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
    Player player(source);
    player.Play();
    const std::vector<BufferPtr> frames = player.PullAll();
    ASSERT_EQ(frames.size(), static_cast<std::size_t>(kFrames));
    for (const BufferPtr& frame : frames) {
      const GstHeparScan scan = ScanOf(frame.get());
      EXPECT_THAT(std::vector<int>({scan.x, scan.y, scan.width, scan.height, scan.frame_width,
                                    scan.frame_height}),
                  ElementsAre(4, 2, 40, 38, kColumns, kRows));
      EXPECT_DOUBLE_EQ(scan.pixel_width_mm.value_or(0), 0.5);
      EXPECT_DOUBLE_EQ(scan.pixel_height_mm.value_or(0), 0.4);
      EXPECT_DOUBLE_EQ(scan.depth_mm().value_or(0), 15.2);
    }
    const MessagePtr message = player.Message(GST_MESSAGE_ELEMENT, "hepar-dicom");
    ASSERT_NE(message, nullptr);
    double depth = 0.0;
    EXPECT_TRUE(
        gst_structure_get_double(gst_message_get_structure(message.get()), "depth-mm", &depth));
    EXPECT_DOUBLE_EQ(depth, 15.2);
  }
}

TEST(CineRegionTest, OutsideThePictureIsReportedAndNotUsed) {
  for (const std::string& region :
       {Region(4, 2, kColumns, 39), Region(4, 2, 43, kRows), Region(20, 2, 19, 39),
        Region(4, 2, 10, 39), Region(0xffffffff, 0, 10, 10)}) {
    Player player(SourceOf(WriteFile("odd.dcm", GrayFile(FrameTime("40") + Regions(region)))));
    player.Play();
    for (const BufferPtr& frame : player.PullAll()) {
      GstHeparScan scan;
      EXPECT_FALSE(gst_buffer_get_hepar_scan(frame.get(), &scan));
    }
    const MessagePtr warning = player.Message(GST_MESSAGE_WARNING);
    ASSERT_NE(warning, nullptr);
    EXPECT_THAT(ParseError(warning.get()).text, HasSubstr("ultrasound region"));
  }
}

std::string RegionFile() {
  return WriteFile("region.dcm", GrayFile(FrameTime("40") + Regions(Region(4, 2, 43, 39))));
}

TEST(CineRegionTest, IsScaledWithThePicture) {
  Player player(SourceOf(RegionFile()),
                "videoscale ! video/x-raw,width=100,height=126 ! "
                "videoconvert ! video/x-raw,format=I420 !");
  player.Play();
  const BufferPtr frame = player.Pull();
  ASSERT_NE(frame, nullptr);
  const GstHeparScan scan = ScanOf(frame.get());
  EXPECT_THAT(std::vector<int>(
                  {scan.x, scan.y, scan.width, scan.height, scan.frame_width, scan.frame_height}),
              ElementsAre(8, 6, 80, 114, 100, 126));
  EXPECT_DOUBLE_EQ(scan.depth_mm().value_or(0), 15.2);
}

TEST(CineRegionTest, IsNotUsedForAPictureThatWasCropped) {
  Player player(SourceOf(RegionFile()),
                "videocrop left=10 ! heparcolorspace device=cpu model=" + TinyModel() + " !");
  player.Play();
  const BufferPtr frame = player.Pull();
  ASSERT_NE(frame, nullptr);
  EXPECT_NE(gst_buffer_get_hepar_frame(frame.get())->bounds(), cv::Rect(4, 2, 40, 38));
}

TEST(CineRegionTest, WinsOverTheSearchButNotOverARectangle) {
  for (const auto& [settings, bounds] :
       std::vector<std::pair<std::string, cv::Rect>>{{"", {4, 2, 40, 38}},
                                                     {"sector=auto", {4, 2, 40, 38}},
                                                     {"sector=full", {0, 0, kColumns, kRows}},
                                                     {"sector=8,4,20,30", {8, 4, 20, 30}}}) {
    SCOPED_TRACE(settings);
    for (const char* element : {"heparcolorspace", "hepardecouple"}) {
      const bool has_sector = std::string(element) == "heparcolorspace";
      if (!has_sector && !settings.empty()) continue;
      Player player(SourceOf(RegionFile()), std::string(element) + " " + settings +
                                                " device=cpu model=" + TinyModel() + " !");
      player.Play();
      const BufferPtr frame = player.Pull();
      ASSERT_NE(frame, nullptr);
      EXPECT_EQ(gst_buffer_get_hepar_frame(frame.get())->bounds(), bounds);
    }
  }
}

TEST(CineMessageTest, SaysWhetherNamesMayBeInThePicture) {
  const DicomWriter w;
  for (const auto& [value, said] : std::vector<std::pair<std::string, std::string>>{
           {"YES", "yes"}, {"NO", "no"}, {"", "unknown"}}) {
    std::string file = GrayFile(FrameTime("40"));
    if (!value.empty()) {
      file.insert(file.find(w.Tag(kPixels)), w.Element(0x00280301, "CS", value));
    }
    Player player(SourceOf(WriteFile("burned.dcm", file)));
    player.Play();
    const MessagePtr message = player.Message(GST_MESSAGE_ELEMENT, "hepar-dicom");
    ASSERT_NE(message, nullptr);
    const GstStructure* structure = gst_message_get_structure(message.get());
    EXPECT_EQ(gst_structure_get_string(structure, "burned-in-annotation"), said);
    int frames = 0;
    EXPECT_TRUE(gst_structure_get_int(structure, "frames", &frames));
    EXPECT_EQ(frames, kFrames);
  }
}

std::string ErrorOf(const std::string& source) {
  Player player(source);
  player.Play();
  const MessagePtr error = player.Message(GST_MESSAGE_ERROR);
  EXPECT_NE(error, nullptr) << source;
  return error ? ParseError(error.get()).text : "";
}

TEST(CineErrorTest, NamesFileCauseAndRemedy) {
  const DicomWriter w;
  EXPECT_THAT(ErrorOf("heparcinesrc"), HasSubstr("set location="));
  EXPECT_THAT(ErrorOf("heparcinesrc location=/nowhere/a.dcm"), HasSubstr("/nowhere/a.dcm"));
  const std::string whole = GrayFile(FrameTime("40"));
  for (const auto& [content, text] : std::vector<std::pair<std::string, std::string>>{
           {whole.substr(0, whole.size() - 1000), "cut short"},
           {DicomWriter::File(kExplicit, w.Element(0x00080060, "CS", "SR")), "without a picture"},
           {DicomWriter::File("1.2.3", w.Shape(4, 4)), "transfer syntax '1.2.3'"}}) {
    const std::string path = WriteFile("bad.dcm", content);
    EXPECT_THAT(ErrorOf(SourceOf(path)), ::testing::AllOf(HasSubstr(path), HasSubstr(text)));
    EXPECT_THAT(ErrorOf("filesrc location=" + path + " ! hepardicomdec"),
                ::testing::AllOf(HasSubstr(path), HasSubstr(text)));
  }
  EXPECT_THAT(ErrorOf(SourceOf(WriteFile("text.dcm", "no DICOM"))), HasSubstr("is no DICOM file"));
  // Found when it is decoded.
  std::string damaged = Transcoded(whole, gdcm::TransferSyntax::JPEG2000Lossless);
  const std::size_t last = damaged.rfind("\xff\x4f\xff\x51");
  std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(last) + 130, damaged.end() - 12, '\x55');
  EXPECT_THAT(ErrorOf(SourceOf(WriteFile("damaged.dcm", damaged))), HasSubstr("damaged"));
}

// The bytes that a pipeline makes of 10 pictures.
std::string Encoded(const std::string& encoder) {
  const std::string path = WriteFile("video", "");
  g_autoptr(GstElement) pipeline =
      gst_parse_launch(("videotestsrc num-buffers=10 ! "
                        "video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! " +
                        encoder + " ! filesink location=" + path)
                           .c_str(),
                       nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  const MessagePtr end(gst_bus_timed_pop_filtered(
      bus, 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
  EXPECT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS) << encoder;
  gst_element_set_state(pipeline, GST_STATE_NULL);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The same of 10 gray pictures, by FFmpeg.
std::string Mpeg2() {
  const std::string path = WriteFile("video.m2v", "");
  {
    cv::VideoWriter video(path, cv::CAP_FFMPEG, cv::VideoWriter::fourcc('m', 'p', 'g', '2'), 25.0,
                          {64, 48});
    EXPECT_TRUE(video.isOpened());
    for (int i = 0; i < 10; ++i) {
      video.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar::all(40 + 10 * i)));
    }
  }
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CineVideoTest, IsDecodedByGStreamer) {
  const DicomWriter w;
  const std::string h264 = "openh264enc ! h264parse ! ";
  const std::string byte_stream = "video/x-h264,stream-format=byte-stream,alignment=au ! identity";
  for (auto [syntax, stream] : std::vector<std::pair<std::string, std::string>>{
           {"1.2.840.10008.1.2.4.100", Mpeg2()},
           {"1.2.840.10008.1.2.4.102", Encoded(h264 + byte_stream)},
           {"1.2.840.10008.1.2.4.102", Encoded(h264 + "mpegtsmux")},
           {"1.2.840.10008.1.2.4.102", Encoded(h264 + "mp4mux")}}) {
    ASSERT_FALSE(stream.empty());
    if (stream.size() % 2 == 1) stream += '\0';
    const std::string path =
        WriteFile("video.dcm", DicomWriter::File(syntax, NumberOfFrames(w, 10) +
                                                             w.Shape(64, 48, 3, "YBR_PARTIAL_420") +
                                                             w.Fragments({stream})));
    EXPECT_THAT(ErrorOf(SourceOf(path)), HasSubstr("decodebin"));
    Player player(DecodedOf(path), "videoconvert !");
    player.Play();
    EXPECT_EQ(player.PullAll().size(), 10u) << syntax;
    EXPECT_EQ(GST_VIDEO_INFO_WIDTH(&player.info()), 64);
  }
}

TEST(CineVideoTest, OfAnotherKindIsRefused) {
  const DicomWriter w;
  const std::string path =
      WriteFile("video.dcm", DicomWriter::File("1.2.840.10008.1.2.4.102",
                                               NumberOfFrames(w, 10) + w.Shape(64, 48, 3, "RGB") +
                                                   w.Fragments({std::string(4000, 'x')})));
  EXPECT_THAT(ErrorOf("filesrc location=" + path + " ! hepardicomdec"),
              ::testing::AllOf(HasSubstr(path), HasSubstr("neither MPEG-2")));
}

TEST(DicomDecTest, PlaysOneFileAfterTheOther) {
  GstHarness* harness = gst_harness_new("hepardicomdec");
  gst_harness_set_src_caps_str(harness, "application/dicom");
  for (int round = 0; round < 2; ++round) {
    const std::string file = GrayFile(FrameTime(round == 0 ? "40" : "20"));
    if (round > 0) {
      gst_harness_push_event(harness, gst_event_new_stream_start("second"));
      g_autoptr(GstCaps) caps = gst_caps_new_empty_simple("application/dicom");
      gst_harness_push_event(harness, gst_event_new_caps(caps));
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_BYTES);
      gst_harness_push_event(harness, gst_event_new_segment(&segment));
    }
    for (std::size_t at = 0; at < file.size(); at += 1000) {  // Pieces of any size.
      const std::string piece = file.substr(at, 1000);
      EXPECT_EQ(gst_harness_push(harness, gst_buffer_new_memdup(piece.data(), piece.size())),
                GST_FLOW_OK);
    }
    gst_harness_push_event(harness, gst_event_new_eos());
    for (int i = 0; i < kFrames; ++i) {
      const BufferPtr buffer(gst_harness_pull(harness));
      ASSERT_NE(buffer, nullptr);
      EXPECT_EQ(GST_BUFFER_PTS(buffer.get()), i * (round == 0 ? 40 : 20) * GST_MSECOND);
    }
  }
  gst_harness_teardown(harness);
}

TEST(DicomDecTest, IsFoundByContentAndByName) {
  g_autoptr(GList) factories = gst_type_find_factory_get_list();
  bool has_extension = false;
  for (GList* f = factories; f != nullptr; f = f->next) {
    auto* factory = GST_TYPE_FIND_FACTORY(f->data);
    const gchar* const* extensions = gst_type_find_factory_get_extensions(factory);
    if (g_str_equal(GST_OBJECT_NAME(factory), "application/dicom")) {
      has_extension = extensions && g_strv_contains(extensions, "dcm");
    }
  }
  g_list_foreach(
      factories, [](gpointer f, gpointer) { gst_object_unref(f); }, nullptr);
  EXPECT_TRUE(has_extension);
  // No extension, and playbin's way of decoding.
  for (const char* decoder : {"decodebin", "decodebin3"}) {
    Player player("filesrc location=" + WriteFile("nameless", GrayFile(FrameTime("40"))) + " ! " +
                  decoder);
    player.Play();
    EXPECT_EQ(player.PullAll().size(), static_cast<std::size_t>(kFrames)) << decoder;
  }
}

TEST(CineStateTest, StopsAndStartsAtAnyTime) {
  const std::string path = WriteFile("states.dcm", GrayFile(FrameTime("40")));
  for (const std::string& source :
       {SourceOf(path), "filesrc location=" + path + " ! hepardicomdec"}) {
    Player player(source);
    for (const GstState state :
         {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_PAUSED,
          GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_NULL}) {
      player.Play(state);
    }
    for (int round = 0; round < 2; ++round) {
      player.Play();
      EXPECT_EQ(player.PullAll().size(), static_cast<std::size_t>(kFrames));
      player.Play(GST_STATE_NULL);
    }
  }
}

// Real files; SOURCES.csv says what they are.
TEST(CineRealFilesTest, PlayAsTheirHeadersSay) {
  const char* root = std::getenv("HEPAR_DATA_DIR");
  const std::string folder = std::string(root ? root : "") + "/dicom";
  if (!root || !std::filesystem::exists(folder)) {
    GTEST_SKIP() << "HEPAR_DATA_DIR is unset or has no folder dicom";
  }
  struct Real {
    const char* name;
    std::size_t frames;
    int width, height;
    GstClockTime duration;
  };
  for (const Real& real : {Real{"examples_ybr_color.dcm", 30, 320, 240, 33333000},
                           Real{"US1_UNCI.dcm", 1, 640, 480, GST_CLOCK_TIME_NONE},
                           Real{"US1_RLE.dcm", 1, 640, 480, GST_CLOCK_TIME_NONE},
                           Real{"OBXXXX1A_rle_2frame.dcm", 2, 800, 600, 0}}) {
    const std::string path = folder + "/" + real.name;
    for (const std::string& source : {SourceOf(path), DecodedOf(path)}) {
      SCOPED_TRACE(source);
      Player player(source);
      player.Play();
      const std::vector<BufferPtr> frames = player.PullAll();
      ASSERT_EQ(frames.size(), real.frames);
      EXPECT_EQ(GST_VIDEO_INFO_WIDTH(&player.info()), real.width);
      EXPECT_EQ(GST_VIDEO_INFO_HEIGHT(&player.info()), real.height);
      if (real.duration != 0) {
        EXPECT_EQ(GST_BUFFER_DURATION(frames[0].get()), real.duration);
      }
    }
  }
}

}  // namespace
}  // namespace hepar::testing
