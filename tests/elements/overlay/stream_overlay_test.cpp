// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/stream_overlay.h"

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

using testing::BufferPtr;
using testing::Bytes;

constexpr guint8 kFill = 0x60;

GstVideoInfo Info(int fps_n = 25) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, 640, 480);
  info.fps_n = fps_n;
  info.fps_d = 1;
  return info;
}

OverlayInput Input(int grade, std::optional<double> time = 0.0) {
  OverlayInput input;
  input.time = time;
  PanelContent content;
  content.state = PanelContent::State::kGraded;
  content.grade = grade;
  content.label = "mild";
  content.percents = {10, 70, 10, 10};
  input.result = content;
  input.level = grade / 3.0;
  return input;
}

// A flat frame after `overlay` has drawn on it.
std::vector<guint8> Draw(StreamOverlay* overlay, const OverlayInput& input,
                         const OverlaySettings& settings = {}) {
  GstVideoInfo info = Info();
  const BufferPtr buffer(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  gst_buffer_memset(buffer.get(), 0, kFill, info.size);
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READWRITE));
  const std::exception_ptr error = overlay->Draw(settings, input, &frame);
  gst_video_frame_unmap(&frame);
  EXPECT_EQ(error, nullptr);
  return Bytes(buffer.get());
}

std::shared_ptr<FrameInference> Decoupled() {
  EngineConfig config;
  config.model = testing::TinyModel();
  config.device = "cpu";
  const auto engine = Engine::Open(config);
  const int size = engine->spec().preprocess.size;
  PreparedImage image;
  image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(0.5));
  image.bounds = {100, 100, 400, 300};
  image.frame_width = 640;
  image.frame_height = 480;
  auto frame = engine->Prepare(image);
  frame->Decouple();
  return frame;
}

TEST(StreamOverlayTest, ShowsEachResultAndNoneAfterIt) {
  StreamOverlay overlay(Info());
  const std::vector<guint8> waiting = Draw(&overlay, OverlayInput());
  const std::vector<guint8> mild = Draw(&overlay, Input(1));
  const std::vector<guint8> severe = Draw(&overlay, Input(3));
  EXPECT_NE(mild, waiting);
  EXPECT_NE(severe, mild);
  EXPECT_EQ(Draw(&overlay, OverlayInput()), waiting);
}

TEST(StreamOverlayTest, KeepsTheTrendOfTheStream) {
  StreamOverlay overlay(Info());
  const std::vector<guint8> first = Draw(&overlay, Input(1, 0.0));
  for (int i = 1; i < 50; ++i) Draw(&overlay, Input(3, 0.1 * i));
  EXPECT_NE(Draw(&overlay, Input(1, 5.0)), first);
  StreamOverlay other(Info());
  EXPECT_EQ(Draw(&other, Input(1, 5.0)), first);
}

TEST(StreamOverlayTest, TimesAreMadeUpFromTheFrameRate) {
  StreamOverlay overlay(Info(25));
  Draw(&overlay, Input(1, 1.0));
  Draw(&overlay, Input(1, std::nullopt));
  EXPECT_NEAR(overlay.now(), 1.04, 1e-9);
  overlay.set_info(Info(50));
  Draw(&overlay, Input(1, std::nullopt));
  EXPECT_NEAR(overlay.now(), 1.06, 1e-9);
}

TEST(StreamOverlayTest, ShowsViewsBesideOrOverTheScan) {
  StreamOverlay overlay(Info());
  OverlayInput input = Input(1);
  const std::vector<guint8> without = Draw(&overlay, input);
  input.inference = Decoupled();
  OverlaySettings settings;
  std::vector<std::vector<guint8>> pictures = {without};
  for (const ViewChoice view :
       {ViewChoice::kSpecific, ViewChoice::kAll, ViewChoice::kOverSpecific}) {
    settings.view = view;
    pictures.push_back(Draw(&overlay, input, settings));
    for (std::size_t i = 0; i + 1 < pictures.size(); ++i) EXPECT_NE(pictures.back(), pictures[i]);
  }
  settings.view = ViewChoice::kNone;
  EXPECT_EQ(Draw(&overlay, input, settings), without);
}

TEST(StreamOverlayTest, ShowsASaliencyMapWithItsLegendOnceItIsThere) {
  StreamOverlay overlay(Info());
  OverlaySettings settings;
  settings.view = ViewChoice::kSaliency;
  settings.style.corner = OverlayCorner::kTopLeft;
  OverlayInput input = Input(1);
  input.inference = Decoupled();
  const std::vector<guint8> without = Draw(&overlay, input, settings);
  input.inference->Saliency();
  const std::vector<guint8> with = Draw(&overlay, input, settings);
  EXPECT_NE(with, without);
  // The legend lies in the upper right corner, opposite the panel.
  const auto corner = [&](const std::vector<guint8>& picture) {
    int changed = 0;
    for (int y = 0; y < 60; ++y) {
      for (int x = 480; x < 640; ++x) changed += picture[y * 640 + x] != kFill;
    }
    return changed;
  };
  EXPECT_EQ(corner(without), 0);
  EXPECT_GT(corner(with), 60 * 160 / 4);
  settings.view = ViewChoice::kNone;
  EXPECT_EQ(Draw(&overlay, input, settings), without);
}

TEST(StreamOverlayTest, AnOldViewIsNotShown) {
  StreamOverlay overlay(Info());
  OverlaySettings settings;
  settings.view = ViewChoice::kOverSpecific;
  OverlayInput input = Input(1, 0.0);
  const std::vector<guint8> without = Draw(&overlay, input, settings);
  input.inference = Decoupled();
  EXPECT_NE(Draw(&overlay, input, settings), without);
  // Two seconds later, without an inference. The trend is disabled because it moves on.
  settings.style.trend = false;
  const std::vector<guint8> later = Draw(&overlay, Input(1, 2.0), settings);
  settings.view = ViewChoice::kNone;
  EXPECT_EQ(later, Draw(&overlay, Input(1, 2.0), settings));
}

TEST(StreamOverlayTest, WritesNothingOutsideTheCrop) {
  StreamOverlay overlay(Info());
  GstVideoInfo info = Info();
  const BufferPtr buffer(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  gst_buffer_memset(buffer.get(), 0, kFill, info.size);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer.get());
  crop->x = 101;
  crop->y = 51;
  crop->width = 320;
  crop->height = 240;
  GstVideoFrame frame;
  ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READWRITE));
  overlay.Draw({}, Input(2), &frame);
  gst_video_frame_unmap(&frame);
  const std::vector<guint8> picture = Bytes(buffer.get());
  int drawn = 0;
  for (int i = 0; i < 640 * 480; ++i) {
    if (picture[i] == kFill) continue;
    ++drawn;
    EXPECT_TRUE(i % 640 >= 101 && i % 640 < 421 && i / 640 >= 51 && i / 640 < 291) << i;
  }
  EXPECT_GT(drawn, 1000);
}

}  // namespace
}  // namespace hepar
