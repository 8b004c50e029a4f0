// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

// The planes that training makes of the same frame.
std::vector<float> PlanesByHand(const FrameView& view, const std::string& model) {
  EngineConfig config;
  config.model = model;
  config.device = "cpu";
  const auto engine = Engine::Open(config);
  Preprocessor preprocessor(engine->spec().preprocess);
  return engine->Prepare(preprocessor, view)->Planes();
}

FrameView GrayView(const std::vector<guint8>& bytes, int width, int height, int stride,
                   int offset = 0) {
  FrameView view;
  view.format = PixelFormat::kGray8;
  view.width = width;
  view.height = height;
  view.planes[0] = bytes.data() + offset;
  view.strides[0] = stride;
  return view;
}

TEST(HeparColorspaceTest, PreparesAFrameAsTrainingDoes) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(), CapsOf("GRAY8", 96, 80));
  BufferPtr in = ScanBuffer(CapsOf("GRAY8", 96, 80));
  const std::vector<guint8> bytes = Bytes(in.get());
  const BufferPtr out = pipe.Process(std::move(in));
  const auto frame = gst_buffer_get_hepar_frame(out.get());
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->frame_width(), 96);
  EXPECT_EQ(frame->frame_height(), 80);
  EXPECT_FALSE(frame->decoupled());
  EXPECT_EQ(frame->Planes(), PlanesByHand(GrayView(bytes, 96, 80, 96), TinyModel()));
}

TEST(HeparColorspaceTest, HonoursTheStrideAndOffsetOfABuffer) {
  constexpr int kStride = 128;
  constexpr int kOffset = 33;
  const std::string caps = CapsOf("GRAY8", 96, 80);
  const std::vector<guint8> plain = Bytes(ScanBuffer(caps).get());
  std::vector<guint8> padded(kOffset + kStride * 80, 255);
  for (int y = 0; y < 80; ++y) {
    std::copy_n(plain.begin() + y * 96, 96, padded.begin() + kOffset + y * kStride);
  }
  BufferPtr in(gst_buffer_new_memdup(padded.data(), padded.size()));
  gsize offsets[GST_VIDEO_MAX_PLANES] = {kOffset};
  gint strides[GST_VIDEO_MAX_PLANES] = {kStride};
  gst_buffer_add_video_meta_full(in.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 96,
                                 80, 1, offsets, strides);

  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(), caps);
  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_EQ(Bytes(out.get()), padded);
  EXPECT_EQ(gst_buffer_get_hepar_frame(out.get())->Planes(),
            PlanesByHand(GrayView(plain, 96, 80, 96), TinyModel()));
}

TEST(HeparColorspaceTest, SeesOnlyTheCropOfABuffer) {
  const std::string caps = CapsOf("GRAY8", 96, 80);
  BufferPtr in = ScanBuffer(caps);
  const std::vector<guint8> bytes = Bytes(in.get());
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(in.get());
  crop->x = 11;
  crop->y = 7;
  crop->width = 60;
  crop->height = 50;

  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(), caps);
  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_EQ(gst_buffer_get_hepar_frame(out.get())->Planes(),
            PlanesByHand(GrayView(bytes, 60, 50, 96, 7 * 96 + 11), TinyModel()));
}

TEST(HeparColorspaceTest, ACropOutsideTheFrameIsAWarning) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel());
  BufferPtr in = ScanBuffer(CapsOf());
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(in.get());
  crop->x = kWidth - 20;
  crop->width = 40;
  crop->height = kHeight;
  pipe.Process(std::move(in));
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING);
  ASSERT_NE(message, nullptr);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("crop"));
}

TEST(HeparColorspaceTest, ExpandsVideoRangeLuma) {
  // Black and white stripes, once in full and once in video range: the same picture.
  std::vector<guint8> full(64 * 64), video(64 * 64);
  for (std::size_t i = 0; i < full.size(); ++i) {
    full[i] = i / 8 % 2 ? 255 : 0;
    video[i] = i / 8 % 2 ? 235 : 16;
  }
  const auto planes = [](const std::vector<guint8>& bytes, const std::string& colorimetry) {
    const std::string caps = CapsOf("GRAY8", 64, 64) + ",colorimetry=" + colorimetry;
    Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(), caps);
    const BufferPtr out =
        pipe.Process(BufferPtr(gst_buffer_new_memdup(bytes.data(), bytes.size())));
    return gst_buffer_get_hepar_frame(out.get())->Planes();
  };
  const auto expanded = planes(video, "2:4:7:1");
  const auto plain = planes(full, "1:4:7:1");
  ASSERT_EQ(expanded.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) ASSERT_NEAR(expanded[i], plain[i], 1e-5) << i;
}

TEST(HeparColorspaceTest, SaysOnceThatTheRangeOfTheCapsIsWrong) {
  std::vector<guint8> stripes(64 * 64);
  for (std::size_t i = 0; i < stripes.size(); ++i) stripes[i] = i / 8 % 2 ? 200 : 0;
  const auto planes = [&stripes](Pipe* pipe) {
    const BufferPtr out =
        pipe->Process(BufferPtr(gst_buffer_new_memdup(stripes.data(), stripes.size())));
    return gst_buffer_get_hepar_frame(out.get())->Planes();
  };
  const std::string launch = "heparcolorspace device=cpu model=" + TinyModel();
  Pipe right(launch, CapsOf("GRAY8", 64, 64) + ",colorimetry=1:4:7:1");
  Pipe wrong(launch, CapsOf("GRAY8", 64, 64) + ",colorimetry=2:4:7:1");
  const auto expected = planes(&right);
  for (int frame = 0; frame < 3; ++frame) EXPECT_EQ(planes(&wrong), expected);
  EXPECT_EQ(right.PopMessage(GST_MESSAGE_WARNING), nullptr);
  const MessagePtr message = wrong.PopMessage(GST_MESSAGE_WARNING);
  ASSERT_NE(message, nullptr);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("full range"));
  EXPECT_EQ(wrong.PopMessage(GST_MESSAGE_WARNING), nullptr);
}

TEST(HeparColorspaceTest, TheSectorPropertyOverridesTheModel) {
  Pipe pipe("heparcolorspace device=cpu sector=8,4,40,60 model=" + TinyModel());
  const BufferPtr fixed = pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(gst_buffer_get_hepar_frame(fixed.get())->bounds(), cv::Rect(8, 4, 40, 60));

  Pipe whole("heparcolorspace name=e device=cpu sector=full model=" + TinyModel());
  const BufferPtr full = whole.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(gst_buffer_get_hepar_frame(full.get())->bounds(), cv::Rect(0, 0, kWidth, kHeight));

  g_object_set(whole["e"], "sector", "0,0,50,50", nullptr);
  const BufferPtr changed = whole.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(gst_buffer_get_hepar_frame(changed.get())->bounds(), cv::Rect(0, 0, 50, 50));
}

TEST(HeparColorspaceTest, ASectorThatIsNoneFailsToStart) {
  g_autoptr(GstElement) element = gst_element_factory_make_full(
      "heparcolorspace", "model", TinyModel().c_str(), "sector", "half", nullptr);
  gst_object_ref_sink(element);
  g_autoptr(GstBus) bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
  ASSERT_NE(message, nullptr);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("half"));
  gst_element_set_bus(element, nullptr);
  gst_element_set_state(element, GST_STATE_NULL);
}

}  // namespace
}  // namespace hepar::testing
