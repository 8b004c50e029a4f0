// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

constexpr char kFormats[][10] = {"GRAY8", "GRAY16_LE", "RGB",  "BGR",  "RGBx", "BGRx",
                                 "RGBA",  "BGRA",      "I420", "NV12", "YUY2", "UYVY"};
// The value of all bytes before the overlay draws.
constexpr guint8 kFill = 0x60;

std::string CapsOf(const std::string& format, int width, int height) {
  return "video/x-raw,format=" + format + ",width=" + std::to_string(width) +
         ",height=" + std::to_string(height) + ",framerate=25/1,pixel-aspect-ratio=1/1";
}

GstVideoInfo InfoOf(const std::string& caps_text) {
  g_autoptr(GstCaps) caps = gst_caps_from_string(caps_text.c_str());
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_from_caps(&info, caps)) << caps_text;
  return info;
}

GstBuffer* FlatBuffer(const std::string& caps, GstClockTime pts = 0) {
  const GstVideoInfo info = InfoOf(caps);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  gst_buffer_memset(buffer, 0, kFill, GST_VIDEO_INFO_SIZE(&info));
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  return buffer;
}

void SetArray(GstStructure* fields, const char* name, const std::vector<double>& numbers) {
  GValue array = G_VALUE_INIT;
  g_value_init(&array, GST_TYPE_ARRAY);
  for (const double number : numbers) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_DOUBLE);
    g_value_set_double(&value, number);
    gst_value_array_append_and_take_value(&array, &value);
  }
  gst_structure_take_value(fields, name, &array);
}

// Attaches a result as an application does: by the name of the meta and its documented fields.
void Grade(GstBuffer* buffer, int grade, const std::vector<double>& probabilities,
           bool fresh = true) {
  static const char* const kNames[] = {"normal", "mild", "moderate", "severe"};
  GstCustomMeta* meta = gst_buffer_add_custom_meta(buffer, "HeparSeverityMeta");
  ASSERT_NE(meta, nullptr);
  GstStructure* fields = gst_custom_meta_get_structure(meta);
  gst_structure_set(
      fields, "label", G_TYPE_STRING, grade >= 0 && grade < 4 ? kNames[grade] : "uncertain",
      "grade", G_TYPE_INT, grade, "confidence", G_TYPE_DOUBLE, 0.7, "trust", G_TYPE_DOUBLE, 0.5,
      "model-name", G_TYPE_STRING, "test", "model-id", G_TYPE_STRING, "0", "fresh", G_TYPE_BOOLEAN,
      fresh, "age", G_TYPE_UINT64, fresh ? guint64{0} : 400 * GST_MSECOND, "inference-time",
      G_TYPE_UINT64, 12 * GST_MSECOND, nullptr);
  SetArray(fields, "probabilities", probabilities);
  SetArray(fields, "raw-probabilities", probabilities);
  GValue names = G_VALUE_INIT;
  g_value_init(&names, GST_TYPE_ARRAY);
  for (const char* name : kNames) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_STRING);
    g_value_set_string(&value, name);
    gst_value_array_append_and_take_value(&names, &value);
  }
  gst_structure_take_value(fields, "class-names", &names);
}

std::vector<guint8> Bytes(GstBuffer* buffer) {
  std::vector<guint8> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

// The samples of one component, row by row.
std::vector<int> Samples(GstBuffer* buffer, const std::string& caps, int component) {
  GstVideoInfo info = InfoOf(caps);
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, component);
  const bool wide = GST_VIDEO_FRAME_COMP_DEPTH(&frame, component) > 8;
  std::vector<int> samples;
  for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, component); ++y) {
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame, component)) +
                      y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, component);
    for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, component); ++x) {
      samples.push_back(wide ? GST_READ_UINT16_LE(row + x * step) : row[x * step]);
    }
  }
  gst_video_frame_unmap(&frame);
  return samples;
}

// The element alone between a source pad and a sink pad that the test holds.
class GstHeparOverlayTest : public testing::Test {
 protected:
  GstHeparOverlayTest() : h_(gst_harness_new("heparoverlay")) {}
  ~GstHeparOverlayTest() override { gst_harness_teardown(h_); }

  void Caps(const std::string& caps) {
    caps_ = caps;
    gst_harness_set_src_caps_str(h_, caps.c_str());
  }

  GstBuffer* Push(GstBuffer* buffer) { return gst_harness_push_and_pull(h_, buffer); }

  // The output for a flat frame with this result; grade -2 means no result.
  std::vector<guint8> Draw(int grade, const std::vector<double>& probabilities,
                           GstClockTime pts = 0, bool fresh = true) {
    GstBuffer* in = FlatBuffer(caps_, pts);
    if (grade > -2) Grade(in, grade, probabilities, fresh);
    g_autoptr(GstBuffer) out = Push(in);
    return Bytes(out);
  }

  void Set(const char* name, const char* value) {
    gst_util_set_object_arg(G_OBJECT(h_->element), name, value);
  }

  std::string caps_;
  GstHarness* h_;
};

const std::string kGray = CapsOf("GRAY8", 640, 480);

TEST_F(GstHeparOverlayTest, TakesAllFormatsOfThePluginAndNoOther) {
  g_autoptr(GstPad) pad = gst_element_get_static_pad(h_->element, "sink");
  g_autoptr(GstCaps) offered = gst_pad_get_pad_template_caps(pad);
  for (const char* format : kFormats) {
    g_autoptr(GstCaps) caps = gst_caps_from_string(CapsOf(format, 640, 480).c_str());
    EXPECT_TRUE(gst_caps_is_subset(caps, offered)) << format;
  }
  g_autoptr(GstCaps) other = gst_caps_from_string(CapsOf("Y444_12LE", 640, 480).c_str());
  EXPECT_FALSE(gst_caps_can_intersect(other, offered));
}

TEST_F(GstHeparOverlayTest, WithoutAResultDrawsOnlyTheSmallPanel) {
  Caps(kGray);
  const std::vector<guint8> picture = Draw(-2, {});
  int right = 0;
  int bottom = 0;
  for (int i = 0; i < 640 * 480; ++i) {
    if (picture[i] == kFill) continue;
    right = std::max(right, i % 640);
    bottom = std::max(bottom, i / 640);
  }
  EXPECT_GT(right, 100);
  EXPECT_LT(right, 640 / 3);
  EXPECT_GT(bottom, 30);
  EXPECT_LT(bottom, 100);
}

TEST_F(GstHeparOverlayTest, ShowsEachResultDifferently) {
  Caps(kGray);
  const std::vector<double> even = {0.25, 0.25, 0.25, 0.25};
  const std::vector<guint8> waiting = Draw(-2, even);
  const std::vector<guint8> uncertain = Draw(-1, even);
  const std::vector<guint8> mild = Draw(1, even);
  const std::vector<guint8> severe = Draw(3, even);
  const std::vector<guint8> carried = Draw(3, even, 0, false);
  EXPECT_NE(waiting, uncertain);
  EXPECT_NE(uncertain, mild);
  EXPECT_NE(mild, severe);
  EXPECT_NE(severe, carried);
  // A frame without a result shows nothing of the result before.
  EXPECT_EQ(Draw(-2, even), waiting);
}

TEST_F(GstHeparOverlayTest, SaysWhereThereIsNoLiverInThePlaceOfAGrade) {
  Caps(kGray);
  const std::vector<double> probabilities = {0.1, 0.2, 0.6, 0.1};
  const std::vector<guint8> uncertain = Draw(-1, probabilities);
  const auto draw = [&](const char* state) {
    GstBuffer* in = FlatBuffer(kGray);
    Grade(in, -1, probabilities);
    GstCustomMeta* meta = gst_buffer_get_custom_meta(in, "HeparSeverityMeta");
    gst_structure_set(gst_custom_meta_get_structure(meta), "state", G_TYPE_STRING, state, nullptr);
    g_autoptr(GstBuffer) out = Push(in);
    return Bytes(out);
  };
  EXPECT_EQ(draw("uncertain"), uncertain);
  const std::vector<guint8> elsewhere = draw("not-liver");
  EXPECT_NE(elsewhere, uncertain);
  EXPECT_NE(elsewhere, Draw(-2, probabilities));
  const std::vector<guint8> unfamiliar = draw("unfamiliar");
  EXPECT_NE(unfamiliar, uncertain);
  EXPECT_NE(unfamiliar, elsewhere);
}

TEST_F(GstHeparOverlayTest, ResultThatMakesNoSenseIsShownAsUncertainOrWaiting) {
  Caps(kGray);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<guint8> waiting = Draw(-2, {});
  GstBuffer* in = FlatBuffer(kGray);
  gst_buffer_add_custom_meta(in, "HeparSeverityMeta");  // Without any field.
  g_autoptr(GstBuffer) out = Push(in);
  EXPECT_EQ(Bytes(out), waiting);

  EXPECT_EQ(Draw(99, {0.1, 0.2, 0.3, 0.4}), Draw(-1, {0.1, 0.2, 0.3, 0.4}));
  EXPECT_NE(Draw(1, {nan, nan, -1.0, 1e300}), waiting);
  EXPECT_NE(Draw(0, {}), waiting);
}

TEST_F(GstHeparOverlayTest, ResearchLineCannotBeSwitchedOff) {
  Caps(kGray);
  for (const char* part :
       {"show-panel", "show-probabilities", "show-trend", "show-trust", "show-latency"}) {
    Set(part, "false");
  }
  const std::vector<guint8> picture = Draw(2, {0.1, 0.2, 0.6, 0.1});
  EXPECT_GT(std::count_if(picture.begin(), picture.end(), [](guint8 p) { return p > 200; }), 100);
  EXPECT_EQ(picture, Draw(-2, {}));
}

TEST_F(GstHeparOverlayTest, KeepsTimestampsFlagsAndMetadata) {
  Caps(kGray);
  for (const bool shared : {false, true}) {
    GstBuffer* in = FlatBuffer(kGray, 80 * GST_MSECOND);
    GST_BUFFER_OFFSET(in) = 7;
    GST_BUFFER_FLAG_SET(in, GST_BUFFER_FLAG_DISCONT);
    Grade(in, 2, {0.1, 0.2, 0.6, 0.1});
    gst_buffer_add_video_region_of_interest_meta(in, "lesion", 10, 20, 30, 40);
    g_autoptr(GstCaps) reference = gst_caps_new_empty_simple("timestamp/x-ntp");
    gst_buffer_add_reference_timestamp_meta(in, reference, 5, GST_CLOCK_TIME_NONE);
    [[maybe_unused]] g_autoptr(GstBuffer) held = shared ? gst_buffer_ref(in) : nullptr;

    g_autoptr(GstBuffer) out = Push(in);
    EXPECT_EQ(GST_BUFFER_PTS(out), 80 * GST_MSECOND);
    EXPECT_EQ(GST_BUFFER_DURATION(out), 40 * GST_MSECOND);
    EXPECT_EQ(GST_BUFFER_OFFSET(out), 7u);
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
    EXPECT_NE(gst_buffer_get_custom_meta(out, "HeparSeverityMeta"), nullptr);
    EXPECT_NE(gst_buffer_get_video_region_of_interest_meta_id(out, 0), nullptr);
    EXPECT_NE(gst_buffer_get_reference_timestamp_meta(out, reference), nullptr);
  }
}

TEST_F(GstHeparOverlayTest, DoesNotWriteToABufferOthersHold) {
  Caps(kGray);
  g_autoptr(GstBuffer) in = FlatBuffer(kGray);
  const std::vector<guint8> before = Bytes(in);
  g_autoptr(GstBuffer) out = Push(gst_buffer_ref(in));
  EXPECT_EQ(Bytes(in), before);
  EXPECT_NE(Bytes(out), before);
}

TEST_F(GstHeparOverlayTest, DrawsInTheMemoryItWasGiven) {
  Caps(kGray);
  GstBuffer* in = FlatBuffer(kGray);
  const GstMemory* memory = gst_buffer_peek_memory(in, 0);
  g_autoptr(GstBuffer) out = Push(in);
  EXPECT_EQ(gst_buffer_peek_memory(out, 0), memory);
}

TEST_F(GstHeparOverlayTest, ForgetsTheTrendAtAFlush) {
  Caps(kGray);
  Set("show-latency", "false");
  const std::vector<double> mild = {0.0, 1.0, 0.0, 0.0};
  const std::vector<guint8> first = Draw(1, mild);
  for (int i = 1; i < 50; ++i) Draw(3, {0.0, 0.0, 0.0, 1.0}, i * 100 * GST_MSECOND);
  EXPECT_NE(Draw(1, mild, 5 * GST_SECOND), first);

  gst_harness_push_event(h_, gst_event_new_flush_start());
  gst_harness_push_event(h_, gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(h_, gst_event_new_segment(&segment));
  EXPECT_EQ(Draw(1, mild, 5 * GST_SECOND), first);
}

TEST_F(GstHeparOverlayTest, ForgetsTheTrendAtANewSegmentAndAtNewCaps) {
  const std::vector<double> mild = {0.0, 1.0, 0.0, 0.0};
  Caps(kGray);
  const std::vector<guint8> first = Draw(1, mild);
  for (int i = 1; i < 50; ++i) Draw(3, {0.0, 0.0, 0.0, 1.0}, i * 100 * GST_MSECOND);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(h_, gst_event_new_segment(&segment));
  EXPECT_EQ(Draw(1, mild, 5 * GST_SECOND), first);

  for (int i = 51; i < 100; ++i) Draw(3, {0.0, 0.0, 0.0, 1.0}, i * 100 * GST_MSECOND);
  Caps(CapsOf("GRAY8", 320, 240));
  Draw(1, mild, 10 * GST_SECOND);
  Caps(kGray);
  EXPECT_EQ(Draw(1, mild, 10 * GST_SECOND), first);
}

TEST_F(GstHeparOverlayTest, DrawsFramesWithoutTimestamps) {
  Caps(kGray);
  const std::vector<double> mild = {0.0, 1.0, 0.0, 0.0};
  const std::vector<guint8> first = Draw(1, mild, GST_CLOCK_TIME_NONE);
  std::vector<guint8> last;
  for (int i = 0; i < 50; ++i) last = Draw(1, mild, GST_CLOCK_TIME_NONE);
  EXPECT_NE(last, first);  // The trend went on at the frame rate.
}

TEST_F(GstHeparOverlayTest, LateFramesAreDrawnNotDropped) {
  Caps(kGray);
  Draw(-2, {});
  gst_harness_push_upstream_event(
      h_, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 0.1, 20 * GST_SECOND, 0));
  ASSERT_EQ(gst_harness_push(h_, FlatBuffer(kGray, 40 * GST_MSECOND)), GST_FLOW_OK);
  EXPECT_EQ(gst_harness_buffers_in_queue(h_), 1u);
}

TEST_F(GstHeparOverlayTest, EachPositionDrawsInItsOwnCorner) {
  Caps(kGray);
  const auto corner_changed = [](const std::vector<guint8>& picture, bool right, bool bottom) {
    for (int y = 0; y < 60; ++y) {
      for (int x = 0; x < 60; ++x) {
        const int px = right ? 639 - x : x;
        const int py = bottom ? 479 - y : y;
        if (picture[py * 640 + px] != kFill) return true;
      }
    }
    return false;
  };
  for (const char* position : {"top-left", "top-right", "bottom-left", "bottom-right"}) {
    Set("position", position);
    const std::string name = position;
    const std::vector<guint8> picture = Draw(2, {0.1, 0.2, 0.6, 0.1});
    for (const bool right : {false, true}) {
      for (const bool bottom : {false, true}) {
        const bool here = (name.find("right") != std::string::npos) == right &&
                          (name.find("bottom") != std::string::npos) == bottom;
        EXPECT_EQ(corner_changed(picture, right, bottom), here) << name;
      }
    }
  }
}

TEST_F(GstHeparOverlayTest, LaysViewsOverNothingWhereNoInferenceTravels) {
  Caps(kGray);
  const std::vector<guint8> without = Draw(2, {0.1, 0.2, 0.6, 0.1});
  for (const char* view :
       {"specific", "common", "reconstruction", "all", "over-specific", "over-common"}) {
    Set("view", view);
    EXPECT_EQ(Draw(2, {0.1, 0.2, 0.6, 0.1}), without) << view;
  }
}

TEST_F(GstHeparOverlayTest, DrawsInsideTheCrop) {
  Caps(kGray);
  GstBuffer* in = FlatBuffer(kGray);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(in);
  crop->x = 101;
  crop->y = 51;
  crop->width = 320;
  crop->height = 240;
  g_autoptr(GstBuffer) out = Push(in);
  const std::vector<guint8> picture = Bytes(out);
  int drawn = 0;
  for (int i = 0; i < 640 * 480; ++i) {
    if (picture[i] == kFill) continue;
    ++drawn;
    EXPECT_GE(i % 640, 101);
    EXPECT_LT(i % 640, 101 + 320);
    EXPECT_GE(i / 640, 51);
    EXPECT_LT(i / 640, 51 + 240);
  }
  EXPECT_GT(drawn, 1000);
}

TEST_F(GstHeparOverlayTest, FollowsStridesAndOffsetsOfTheBuffer) {
  const std::string caps = CapsOf("GRAY8", 321, 240);
  Caps(caps);
  g_autoptr(GstBuffer) packed = Push(FlatBuffer(caps));

  constexpr int kStride = 400;
  constexpr gsize kOffset = 24;
  GstBuffer* in = gst_buffer_new_allocate(nullptr, kOffset + kStride * 240, nullptr);
  gst_buffer_memset(in, 0, kFill, kOffset + kStride * 240);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {kOffset};
  gint strides[GST_VIDEO_MAX_PLANES] = {kStride};
  gst_buffer_add_video_meta_full(in, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 321, 240, 1,
                                 offsets, strides);
  g_autoptr(GstBuffer) padded = Push(in);
  EXPECT_EQ(Samples(padded, caps, 0), Samples(packed, caps, 0));
}

TEST_F(GstHeparOverlayTest, SixteenBitGrayIsTheSamePictureAsEightBit) {
  const std::vector<double> mild = {0.1, 0.8, 0.1, 0.0};
  Caps(kGray);
  const std::vector<guint8> eight = Draw(1, mild);
  Caps(CapsOf("GRAY16_LE", 640, 480));
  GstBuffer* in = FlatBuffer(caps_);
  Grade(in, 1, mild);
  g_autoptr(GstBuffer) out = Push(in);
  const std::vector<int> sixteen = Samples(out, caps_, 0);
  ASSERT_EQ(sixteen.size(), eight.size());
  for (std::size_t i = 0; i < eight.size(); ++i) {
    ASSERT_NEAR(sixteen[i] / 257.0, eight[i], 1.01) << i;
  }
}

TEST_F(GstHeparOverlayTest, HonoursRangeAndMatrixOfTheCaps) {
  Set("theme", "high-contrast");
  const auto extremes = [&](const std::string& colorimetry) {
    Caps(CapsOf("I420", 640, 480) + ",colorimetry=(string)" + colorimetry);
    GstBuffer* in = FlatBuffer(caps_);
    Grade(in, 3, {0.0, 0.0, 0.0, 1.0});
    g_autoptr(GstBuffer) out = Push(in);
    const std::vector<int> luma = Samples(out, caps_, 0);
    const auto [low, high] = std::minmax_element(luma.begin(), luma.end());
    const std::vector<int> chroma = Samples(out, caps_, 1);
    return std::tuple(*low, *high, *std::min_element(chroma.begin(), chroma.end()));
  };
  // An opaque black panel with white text, so the extremes are black and white.
  const auto [low, high, red] = extremes("bt601");
  EXPECT_EQ(low, 16);
  EXPECT_EQ(high, 235);
  const auto [full_low, full_high, full_red] = extremes("1:4:16:4");  // Full range, BT.601.
  EXPECT_EQ(full_low, 0);
  EXPECT_EQ(full_high, 255);
  EXPECT_LT(full_red, red);
  const auto [low709, high709, red709] = extremes("bt709");
  EXPECT_EQ(low709, 16);
  EXPECT_EQ(high709, 235);
  EXPECT_GT(red709, red + 4);
}

TEST_F(GstHeparOverlayTest, AlphaOfDrawnPixelsIsOpaqueAndOthersKeepTheirs) {
  Set("theme", "high-contrast");
  Caps(CapsOf("RGBA", 640, 480));
  GstBuffer* in = FlatBuffer(caps_);
  g_autoptr(GstBuffer) out = Push(in);
  const std::vector<int> alpha = Samples(out, caps_, 3);
  EXPECT_EQ(alpha[30 * 640 + 30], 255);
  EXPECT_EQ(alpha.back(), kFill);
}

TEST_F(GstHeparOverlayTest, PropertiesCanChangeWhilePlaying) {
  Caps(CapsOf("I420", 320, 240));
  std::atomic<bool> done{false};
  std::thread user([&] {
    for (int i = 0; !done; ++i) {
      g_object_set(h_->element, "theme", i % 3, "position", i % 4, "view", i % 7, "show-trend",
                   i % 2, "show-panel", i % 5 != 0, nullptr);
    }
  });
  const std::vector<guint8> untouched(InfoOf(caps_).size, kFill);
  for (int i = 0; i < 200; ++i) {
    EXPECT_NE(Draw(i % 5 - 1, {0.25, 0.25, 0.25, 0.25}, i * 40 * GST_MSECOND), untouched);
  }
  done = true;
  user.join();
}

TEST_F(GstHeparOverlayTest, ThemeTakesEffectAtTheNextFrame) {
  Caps(kGray);
  const std::vector<guint8> dark = Draw(2, {0.1, 0.2, 0.6, 0.1});
  Set("theme", "light");
  const std::vector<guint8> light = Draw(2, {0.1, 0.2, 0.6, 0.1});
  EXPECT_LT(dark[20 * 640 + 150], kFill);
  EXPECT_GT(light[20 * 640 + 150], kFill);
}

TEST_F(GstHeparOverlayTest, KeepsTheTrendWhenOnlyTheFrameRateChanges) {
  Caps(kGray);
  Set("show-latency", "false");
  const std::vector<double> mild = {0.0, 1.0, 0.0, 0.0};
  const std::vector<guint8> first = Draw(1, mild);
  for (int i = 1; i < 50; ++i) Draw(3, {0.0, 0.0, 0.0, 1.0}, i * 100 * GST_MSECOND);
  // Not by the harness, which sends a new segment too.
  g_autoptr(GstCaps) faster = gst_caps_from_string(
      "video/x-raw,format=GRAY8,width=640,height=480,framerate=50/1,pixel-aspect-ratio=1/1");
  gst_harness_push_event(h_, gst_event_new_caps(faster));
  EXPECT_NE(Draw(1, mild, 5 * GST_SECOND), first);
}

TEST_F(GstHeparOverlayTest, MarksTheBufferThatItDrewInto) {
  Caps(kGray);
  g_autoptr(GstBuffer) out = Push(FlatBuffer(kGray));
  EXPECT_NE(gst_buffer_get_custom_meta(out, "HeparOverlayMeta"), nullptr);
}

// The texts of the warnings or errors on the bus.
std::vector<std::string> Texts(GstBus* bus, GstMessageType type) {
  std::vector<std::string> texts;
  while (GstMessage* message = gst_bus_pop_filtered(bus, type)) {
    g_autoptr(GError) error = nullptr;
    (type == GST_MESSAGE_ERROR ? gst_message_parse_error : gst_message_parse_warning)(
        message, &error, nullptr);
    texts.emplace_back(error->message);
    gst_message_unref(message);
  }
  return texts;
}

class GstHeparOverlayBusTest : public GstHeparOverlayTest {
 protected:
  GstHeparOverlayBusTest() : bus_(gst_bus_new()) { gst_element_set_bus(h_->element, bus_); }
  ~GstHeparOverlayBusTest() override {
    gst_element_set_bus(h_->element, nullptr);
    gst_object_unref(bus_);
  }
  GstBus* bus_;
};

TEST_F(GstHeparOverlayBusTest, ABufferThatIsTooShortIsAClearError) {
  Caps(kGray);
  GstBuffer* in = FlatBuffer(kGray);
  gst_buffer_set_size(in, 100);
  EXPECT_EQ(gst_harness_push(h_, in), GST_FLOW_ERROR);
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus_, GST_MESSAGE_ERROR);
  ASSERT_NE(message, nullptr);
  g_autoptr(GError) error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  EXPECT_EQ(error->domain, GST_STREAM_ERROR);
  EXPECT_NE(std::string(error->message).find("100 bytes"), std::string::npos) << error->message;
  EXPECT_NE(std::string(error->message).find("640x480"), std::string::npos) << error->message;
}

TEST_F(GstHeparOverlayBusTest, WithoutAGraderUpstreamItWarnsOnce) {
  Caps(kGray);
  for (int i = 0; i < 200; ++i) Draw(-2, {}, i * 40 * GST_MSECOND);
  const std::vector<std::string> warnings = Texts(bus_, GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("heparclassify"), std::string::npos) << warnings[0];
  gst_harness_push_event(h_, gst_event_new_eos());
  EXPECT_TRUE(Texts(bus_, GST_MESSAGE_WARNING).empty());
}

TEST_F(GstHeparOverlayBusTest, AShortStreamWithoutAGraderIsWarnedOfAtItsEnd) {
  Caps(kGray);
  Draw(-2, {});
  EXPECT_TRUE(Texts(bus_, GST_MESSAGE_WARNING).empty());
  gst_harness_push_event(h_, gst_event_new_eos());
  EXPECT_EQ(Texts(bus_, GST_MESSAGE_WARNING).size(), 1u);
}

TEST_F(GstHeparOverlayBusTest, WithResultsItDoesNotWarn) {
  Caps(kGray);
  Draw(-2, {});  // Before the first result.
  for (int i = 1; i < 200; ++i) Draw(1, {0.1, 0.8, 0.1, 0.0}, i * 40 * GST_MSECOND);
  gst_harness_push_event(h_, gst_event_new_eos());
  EXPECT_TRUE(Texts(bus_, GST_MESSAGE_WARNING).empty());
}

struct Size {
  int width;
  int height;
};

class GstHeparOverlayFormatTest
    : public GstHeparOverlayTest,
      public testing::WithParamInterface<std::tuple<const char*, Size>> {};

TEST_P(GstHeparOverlayFormatTest, DrawsThePanelAndLeavesTheFarHalfOfWideFramesAlone) {
  const auto& [format, size] = GetParam();
  Caps(CapsOf(format, size.width, size.height));
  GstBuffer* in = FlatBuffer(caps_);
  Grade(in, 3, {0.0, 0.1, 0.1, 0.8});
  g_autoptr(GstBuffer) out = Push(in);
  ASSERT_NE(out, nullptr);

  const std::vector<int> samples = Samples(out, caps_, 0);
  const int flat = std::string(format) == "GRAY16_LE" ? kFill * 257 : kFill;
  int left = 0;
  int right = 0;
  for (int i = 0; i < size.width * size.height; ++i) {
    if (samples[i] != flat) ++(2 * (i % size.width) < size.width ? left : right);
  }
  EXPECT_GT(left, 20);
  // In a narrower frame the panel needs more than half of the width.
  if (size.width >= 320) {
    EXPECT_EQ(right, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllFormats, GstHeparOverlayFormatTest,
    testing::Combine(testing::ValuesIn(std::vector<const char*>(std::begin(kFormats),
                                                                std::end(kFormats))),
                     testing::Values(Size{16, 16}, Size{17, 19}, Size{321, 241}, Size{4096, 34},
                                     Size{35, 4096})),
    [](const auto& info) {
      const Size size = std::get<1>(info.param);
      return std::string(std::get<0>(info.param)) + "_" + std::to_string(size.width) + "x" +
             std::to_string(size.height);
    });

}  // namespace
