// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr char kSmallCaps[] = "video/x-raw,format=GRAY8,width=160,height=120,framerate=25/1";

GstElement* MakeSource(const char* severity = "normal", guint64 seed = 1) {
  GstElement* element = gst_element_factory_make("heparsimsrc", nullptr);
  gst_util_set_object_arg(G_OBJECT(element), "severity", severity);
  g_object_set(element, "seed", seed, nullptr);
  return GST_ELEMENT(gst_object_ref_sink(element));
}

// The pixels without the padding of rows.
std::vector<guint8> Pixels(GstBuffer* buffer, int width, int height) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, width, height);
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  std::vector<guint8> pixels;
  for (int y = 0; y < height; ++y) {
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
    row += y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    pixels.insert(pixels.end(), row, row + width);
  }
  gst_video_frame_unmap(&frame);
  return pixels;
}

double MeanDifference(const std::vector<guint8>& a, const std::vector<guint8>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

// The element alone, before a sink pad that the test holds. Playing starts on Play().
class Source {
 public:
  explicit Source(const char* caps = kSmallCaps, const char* severity = "normal",
                  guint64 seed = 1) {
    g_autoptr(GstElement) element = MakeSource(severity, seed);
    h_ = gst_harness_new_with_element(element, nullptr, "src");
    gst_harness_set_sink_caps_str(h_, caps);
    // A push source does not wait for the test to take its buffers.
    gst_harness_set_blocking_push_mode(h_);
  }
  ~Source() { gst_harness_teardown(h_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  GstElement* element() { return h_->element; }
  GstHarness* harness() { return h_; }
  void Play() { gst_harness_play(h_); }
  GstBuffer* Pull() { return gst_harness_pull(h_); }

  std::vector<std::vector<guint8>> Frames(int count) {
    std::vector<std::vector<guint8>> frames;
    for (int i = 0; i < count; ++i) {
      g_autoptr(GstBuffer) buffer = Pull();
      frames.push_back(Pixels(buffer, 160, 120));
    }
    return frames;
  }

 private:
  GstHarness* h_;
};

std::string FixatedCaps(const char* wanted) {
  Source source(wanted);
  source.Play();
  gst_buffer_unref(source.Pull());
  g_autoptr(GstPad) pad = gst_element_get_static_pad(source.element(), "src");
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  int width = 0;
  int height = 0;
  int fps_n = 0;
  int fps_d = 0;
  gst_structure_get(structure, "width", G_TYPE_INT, &width, "height", G_TYPE_INT, &height,
                    "framerate", GST_TYPE_FRACTION, &fps_n, &fps_d, nullptr);
  return std::string(gst_structure_get_string(structure, "format")) + " " + std::to_string(width) +
         "x" + std::to_string(height) + " " + std::to_string(fps_n) + "/" + std::to_string(fps_d);
}

TEST(GstHeparSimSrcTest, Makes640x480At30UnlessAskedOtherwise) {
  EXPECT_EQ(FixatedCaps("video/x-raw"), "GRAY8 640x480 30/1");
  EXPECT_EQ(FixatedCaps("video/x-raw,width=[1,320],framerate=[1/1,30000/1001]"),
            "GRAY8 320x480 30000/1001");
}

TEST(GstHeparSimSrcTest, OffersOnlyGray8From64To4096) {
  g_autoptr(GstElement) element = MakeSource();
  g_autoptr(GstPad) pad = gst_element_get_static_pad(element, "src");
  g_autoptr(GstCaps) caps = gst_pad_query_caps(pad, nullptr);
  const auto offers = [&](const char* text) {
    g_autoptr(GstCaps) asked = gst_caps_from_string(text);
    return gst_caps_can_intersect(caps, asked) == TRUE;
  };
  EXPECT_TRUE(offers("video/x-raw,format=GRAY8,width=64,height=4096,framerate=100/1"));
  EXPECT_FALSE(offers("video/x-raw,format=GRAY8,width=63,height=64"));
  EXPECT_FALSE(offers("video/x-raw,format=GRAY8,width=64,height=4097"));
  EXPECT_FALSE(offers("video/x-raw,format=RGB"));
}

TEST(GstHeparSimSrcTest, TimestampsFollowTheFrameCountWithoutDrift) {
  Source source("video/x-raw,format=GRAY8,width=64,height=64,framerate=30000/1001");
  source.Play();
  for (guint64 i = 0; i < 31; ++i) {
    g_autoptr(GstBuffer) buffer = source.Pull();
    const GstClockTime begin = gst_util_uint64_scale(i, 1001 * GST_SECOND, 30000);
    const GstClockTime end = gst_util_uint64_scale(i + 1, 1001 * GST_SECOND, 30000);
    EXPECT_EQ(GST_BUFFER_PTS(buffer), begin);
    EXPECT_EQ(GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer), end);
    EXPECT_EQ(GST_BUFFER_OFFSET(buffer), i);
  }
}

TEST(GstHeparSimSrcTest, SameSeedGivesTheSameBytes) {
  Source one(kSmallCaps, "mild", 7);
  Source two(kSmallCaps, "mild", 7);
  one.Play();
  two.Play();
  EXPECT_EQ(one.Frames(5), two.Frames(5));
}

TEST(GstHeparSimSrcTest, AnotherSeedIsAnotherPatient) {
  Source one(kSmallCaps, "mild", 7);
  Source two(kSmallCaps, "mild", 8);
  one.Play();
  two.Play();
  EXPECT_GT(MeanDifference(one.Frames(1)[0], two.Frames(1)[0]), 5.0);
}

TEST(GstHeparSimSrcTest, FramesMove) {
  Source source;
  source.Play();
  const auto frames = source.Frames(2);
  EXPECT_NE(frames[0], frames[1]);
}

TEST(GstHeparSimSrcTest, SeverityChangesThePictureInMidStream) {
  Source steady;
  Source changed;
  steady.Play();
  changed.Play();
  EXPECT_EQ(steady.Frames(2), changed.Frames(2));

  gst_util_set_object_arg(G_OBJECT(changed.element()), "severity", "severe");
  // The frame that is being made when the property is set may show the old severity.
  const auto before = steady.Frames(4);
  const auto after = changed.Frames(4);
  EXPECT_GT(MeanDifference(before[3], after[3]), 3.0);
}

TEST(GstHeparSimSrcTest, GainAndDepthChangeThePictureInMidStream) {
  Source steady;
  Source changed;
  steady.Play();
  changed.Play();
  g_object_set(changed.element(), "gain", 12.0, nullptr);
  EXPECT_GT(MeanDifference(steady.Frames(4)[3], changed.Frames(4)[3]), 5.0);
  g_object_set(changed.element(), "gain", 0.0, "depth", 10.0, nullptr);
  EXPECT_GT(MeanDifference(steady.Frames(4)[3], changed.Frames(4)[3]), 5.0);
}

TEST(GstHeparSimSrcTest, PropertiesCanChangeWhilePlaying) {
  Source source;
  source.Play();
  std::atomic<bool> done{false};
  std::thread user([&] {
    for (int i = 0; !done; ++i) {
      g_object_set(source.element(), "severity", i % 4, "gain", i % 7 - 3.0, nullptr);
      g_usleep(500);
    }
  });
  EXPECT_EQ(source.Frames(40).size(), 40u);
  done = true;
  user.join();
}

TEST(GstHeparSimSrcTest, FillsFramesOfOddWidth) {
  constexpr int kWidth = 131;
  constexpr int kHeight = 97;
  Source source("video/x-raw,format=GRAY8,width=131,height=97,framerate=25/1");
  source.Play();
  g_autoptr(GstBuffer) buffer = source.Pull();
  const std::vector<guint8> pixels = Pixels(buffer, kWidth, kHeight);

  // The left and right halves of the fan have similar brightness only if no row is sheared.
  double left = 0.0;
  double right = 0.0;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) (2 * x < kWidth ? left : right) += pixels[y * kWidth + x];
  }
  EXPECT_GT(left, 1e4);
  EXPECT_GT(right, 0.5 * left);
  EXPECT_LT(right, 2.0 * left);
}

TEST(GstHeparSimSrcTest, FollowsChangesOfSizeAndGoesOnInTime) {
  Source source;
  source.Play();
  gst_buffer_unref(source.Pull());
  gst_harness_set_sink_caps_str(source.harness(),
                                "video/x-raw,format=GRAY8,width=80,height=64,framerate=50/1");
  GstClockTime last = 0;
  gsize size = 0;
  for (int i = 0; i < 10; ++i) {
    g_autoptr(GstBuffer) buffer = source.Pull();
    EXPECT_GT(GST_BUFFER_PTS(buffer), last);
    last = GST_BUFFER_PTS(buffer);
    size = gst_buffer_get_size(buffer);
  }
  EXPECT_EQ(size, 80u * 64u);
}

TEST(GstHeparSimSrcTest, AStillIsOneFrame) {
  Source source("video/x-raw,format=GRAY8,width=64,height=64,framerate=0/1");
  source.Play();
  g_autoptr(GstBuffer) buffer = source.Pull();
  EXPECT_EQ(GST_BUFFER_PTS(buffer), 0u);
  g_autoptr(GstBuffer) second = nullptr;
  EXPECT_TRUE(gst_harness_pull_until_eos(source.harness(), &second));
  EXPECT_EQ(second, nullptr);
}

TEST(GstHeparSimSrcTest, AnswersTheLatencyQueryWithOneFrame) {
  Source source;
  source.Play();
  gst_buffer_unref(source.Pull());
  g_autoptr(GstQuery) query = gst_query_new_latency();
  ASSERT_TRUE(gst_element_query(source.element(), query));
  gboolean live = TRUE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  EXPECT_FALSE(live);
  EXPECT_EQ(min, 40 * GST_MSECOND);
}

// A whole pipeline, run to its end.
class Pipeline {
 public:
  explicit Pipeline(const std::string& description) {
    g_autoptr(GError) error = nullptr;
    pipeline_ = gst_parse_launch(description.c_str(), &error);
    EXPECT_EQ(error, nullptr) << error->message;
    g_autoptr(GstElement) sink = gst_bin_get_by_name(GST_BIN(pipeline_), "sink");
    g_object_set(sink, "signal-handoffs", TRUE, nullptr);
    g_signal_connect(sink, "handoff", G_CALLBACK(OnBuffer), this);
  }
  ~Pipeline() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
  }
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  GstElement* get() { return pipeline_; }
  const std::vector<GstClockTime>& timestamps() const { return timestamps_; }

  // Returns whether the end came, within 20 s and without an error.
  bool RunToEnd() {
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline_);
    g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(
        bus, 20 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    return message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  }

 private:
  static void OnBuffer(GstElement*, GstBuffer* buffer, GstPad*, Pipeline* self) {
    self->timestamps_.push_back(GST_BUFFER_PTS(buffer));
  }

  GstElement* pipeline_ = nullptr;
  std::vector<GstClockTime> timestamps_;
};

TEST(GstHeparSimSrcTest, NumBuffersEndsTheStream) {
  Pipeline pipeline(std::string("heparsimsrc num-buffers=5 ! ") + kSmallCaps +
                    " ! fakesink name=sink");
  EXPECT_TRUE(pipeline.RunToEnd());
  EXPECT_EQ(pipeline.timestamps().size(), 5u);
}

TEST(GstHeparSimSrcTest, LiveFramesComeInStepWithTheClock) {
  Pipeline pipeline(std::string("heparsimsrc is-live=true num-buffers=11 ! ") + kSmallCaps +
                    " ! fakesink name=sink sync=false");
  EXPECT_EQ(gst_element_set_state(pipeline.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_NO_PREROLL);
  const gint64 begin = g_get_monotonic_time();
  EXPECT_TRUE(pipeline.RunToEnd());
  // The eleventh frame begins 400 ms after the first.
  EXPECT_GE(g_get_monotonic_time() - begin, 400000);
  EXPECT_EQ(pipeline.timestamps().size(), 11u);
}

TEST(GstHeparSimSrcTest, SeeksToTheFrameAtATime) {
  Pipeline pipeline(std::string("heparsimsrc ! ") + kSmallCaps + " ! fakesink name=sink");
  gst_element_set_state(pipeline.get(), GST_STATE_PAUSED);
  ASSERT_EQ(gst_element_get_state(pipeline.get(), nullptr, nullptr, 20 * GST_SECOND),
            GST_STATE_CHANGE_SUCCESS);
  ASSERT_TRUE(gst_element_seek(pipeline.get(), 1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                               GST_SEEK_TYPE_SET, 2 * GST_SECOND, GST_SEEK_TYPE_SET,
                               2 * GST_SECOND + 120 * GST_MSECOND));
  // What is refused leaves the stream as it was.
  EXPECT_FALSE(gst_element_seek(pipeline.get(), -1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, GST_SECOND));
  EXPECT_TRUE(pipeline.RunToEnd());
  const std::vector<GstClockTime>& times = pipeline.timestamps();
  ASSERT_GE(times.size(), 3u);
  EXPECT_EQ(times.back(), 2 * GST_SECOND + 80 * GST_MSECOND);
}

TEST(GstHeparSimSrcTest, ALiveSourceIsNotSeekable) {
  Pipeline pipeline(std::string("heparsimsrc is-live=true ! ") + kSmallCaps +
                    " ! fakesink name=sink");
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  gst_element_get_state(pipeline.get(), nullptr, nullptr, 20 * GST_SECOND);
  EXPECT_FALSE(gst_element_seek_simple(pipeline.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
}

TEST(GstHeparSimSrcTest, StartsAgainFromTheBeginning) {
  Pipeline pipeline(std::string("heparsimsrc num-buffers=2 ! ") + kSmallCaps +
                    " ! fakesink name=sink");
  EXPECT_TRUE(pipeline.RunToEnd());
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  EXPECT_TRUE(pipeline.RunToEnd());
  EXPECT_EQ(pipeline.timestamps(),
            std::vector<GstClockTime>({0, 40 * GST_MSECOND, 0, 40 * GST_MSECOND}));
}

TEST(GstHeparSimSrcTest, SurvivesEveryStateChange) {
  Pipeline pipeline("heparsimsrc ! fakesink name=sink");
  for (const GstState state :
       {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_READY,
        GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_NULL}) {
    gst_element_set_state(pipeline.get(), state);
    EXPECT_NE(gst_element_get_state(pipeline.get(), nullptr, nullptr, 20 * GST_SECOND),
              GST_STATE_CHANGE_FAILURE);
  }
}

}  // namespace
