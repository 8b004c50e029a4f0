// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What heparcolorspace, hepardecouple and heparclassify have in common, alone and in a chain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kFormats[][10] = {"GRAY8", "GRAY16_LE", "RGB",  "BGR",  "RGBx", "BGRx",
                                 "RGBA",  "BGRA",      "I420", "NV12", "YUY2", "UYVY"};

// What training makes of the same frame.
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

class HeparElementTest : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string Launch(const std::string& properties) {
    return std::string(GetParam()) + " name=e device=cpu " + properties;
  }
  static std::string LaunchWithModel() { return Launch("model=" + TinyModel()); }

  // Starting must fail with an error on the bus that tells the user what to put right.
  static BusError StartError(const std::string& model) {
    g_autoptr(GstElement) element =
        gst_element_factory_make_full(GetParam(), "model", model.c_str(), "device", "cpu", nullptr);
    gst_object_ref_sink(element);
    g_autoptr(GstBus) bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
    gst_element_set_bus(element, nullptr);
    gst_element_set_state(element, GST_STATE_NULL);
    EXPECT_NE(message, nullptr);
    return message == nullptr ? BusError() : ParseError(message.get());
  }
};

INSTANTIATE_TEST_SUITE_P(Each, HeparElementTest,
                         ::testing::Values("heparcolorspace", "hepardecouple", "heparclassify"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(HeparElementTest, OffersTheFormatsAndSizesOfTheManual) {
  g_autoptr(GstElement) element = gst_element_factory_make(GetParam(), nullptr);
  gst_object_ref_sink(element);
  g_autoptr(GstPad) pad = gst_element_get_static_pad(element, "sink");
  g_autoptr(GstCaps) offered = gst_pad_query_caps(pad, nullptr);
  const auto takes = [&offered](const std::string& text) {
    g_autoptr(GstCaps) caps = gst_caps_from_string(text.c_str());
    return gst_caps_can_intersect(offered, caps) != FALSE;
  };
  for (const char* format : kFormats) EXPECT_TRUE(takes(CapsOf(format))) << format;
  EXPECT_TRUE(takes(CapsOf("GRAY8", 16, 16)));
  EXPECT_TRUE(takes(CapsOf("GRAY8", 4096, 4096)));
  EXPECT_FALSE(takes(CapsOf("GRAY8", 15, 16)));
  EXPECT_FALSE(takes(CapsOf("GRAY8", 16, 4097)));
  EXPECT_FALSE(takes(CapsOf("Y444")));
  EXPECT_FALSE(takes("image/jpeg"));
}

TEST_P(HeparElementTest, PassesThePictureByReferenceInEachFormat) {
  for (const char* format : kFormats) {
    SCOPED_TRACE(format);
    Pipe pipe(LaunchWithModel(), CapsOf(format));
    BufferPtr in = ScanBuffer(CapsOf(format));
    const std::vector<guint8> before = Bytes(in.get());
    const GstMemory* memory = gst_buffer_peek_memory(in.get(), 0);
    const BufferPtr out = pipe.Process(std::move(in));
    EXPECT_EQ(Bytes(out.get()), before);
    EXPECT_EQ(gst_buffer_peek_memory(out.get(), 0), memory);
  }
}

TEST_P(HeparElementTest, DoesNotCopyThePictureOfABufferThatOthersHold) {
  Pipe pipe(LaunchWithModel());
  BufferPtr in = ScanBuffer(CapsOf());
  BufferPtr held(gst_buffer_ref(in.get()));
  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_NE(out.get(), held.get());
  EXPECT_EQ(gst_buffer_peek_memory(out.get(), 0), gst_buffer_peek_memory(held.get(), 0));
  EXPECT_EQ(gst_buffer_get_hepar_frame(held.get()), nullptr);
}

TEST_P(HeparElementTest, KeepsTimestampsFlagsAndTheMetasOfOthers) {
  Pipe pipe(LaunchWithModel());
  BufferPtr in = ScanBuffer(CapsOf(), 3);
  GST_BUFFER_DTS(in.get()) = 100 * GST_MSECOND;
  GST_BUFFER_OFFSET(in.get()) = 7;
  GST_BUFFER_FLAG_SET(in.get(), GST_VIDEO_BUFFER_FLAG_INTERLACED | GST_BUFFER_FLAG_DISCONT);
  g_autoptr(GstCaps) reference = gst_caps_new_empty_simple("timestamp/x-test");
  gst_buffer_add_reference_timestamp_meta(in.get(), reference, 5, 1);

  const BufferPtr out = pipe.Process(std::move(in));
  EXPECT_EQ(GST_BUFFER_PTS(out.get()), 3 * kFrameTime);
  EXPECT_EQ(GST_BUFFER_DTS(out.get()), 100 * GST_MSECOND);
  EXPECT_EQ(GST_BUFFER_DURATION(out.get()), kFrameTime);
  EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), 7u);
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_VIDEO_BUFFER_FLAG_INTERLACED));
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_DISCONT));
  const auto* meta = gst_buffer_get_reference_timestamp_meta(out.get(), reference);
  ASSERT_NE(meta, nullptr);
  EXPECT_EQ(meta->timestamp, 5u);
}

TEST_P(HeparElementTest, LeavesTheChoiceOfMemoryToDownstream) {
  Pipe pipe(LaunchWithModel());
  gst_harness_add_propose_allocation_meta(pipe.harness(), GST_VIDEO_CROP_META_API_TYPE, nullptr);
  pipe.Process(ScanBuffer(CapsOf()));
  g_autoptr(GstCaps) caps = gst_caps_from_string(CapsOf().c_str());
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, TRUE);
  ASSERT_TRUE(gst_pad_peer_query(pipe.harness()->srcpad, query));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr));
  EXPECT_FALSE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
}

TEST_P(HeparElementTest, FollowsChangesOfFormatAndSize) {
  Pipe pipe(LaunchWithModel());
  for (const std::string& caps :
       {CapsOf("GRAY8"), CapsOf("RGBx", 64, 32), CapsOf("NV12", 320, 240), CapsOf("GRAY8")}) {
    SCOPED_TRACE(caps);
    gst_harness_set_src_caps_str(pipe.harness(), caps.c_str());
    const BufferPtr out = pipe.Process(ScanBuffer(caps));
    const GstVideoInfo info = InfoOf(caps);
    EXPECT_EQ(gst_buffer_get_size(out.get()), GST_VIDEO_INFO_SIZE(&info));
  }
}

TEST_P(HeparElementTest, SaysWhichDeviceIsInUseOnlyWhileRunning) {
  g_autoptr(GstElement) element = gst_element_factory_make_full(
      GetParam(), "model", TinyModel().c_str(), "device", "cpu", nullptr);
  gst_object_ref_sink(element);
  const auto device = [&element] {
    g_autofree gchar* text = nullptr;
    g_object_get(element, "actual-device", &text, nullptr);
    return std::string(text ? text : "none");
  };
  EXPECT_EQ(device(), "none");
  gst_element_set_state(element, GST_STATE_PAUSED);
  EXPECT_EQ(device(), "cpu");
  gst_element_set_state(element, GST_STATE_NULL);
  EXPECT_EQ(device(), "none");
}

TEST_P(HeparElementTest, StartsAndStopsAgainAndAgain) {
  g_autoptr(GstElement) element = gst_element_factory_make_full(
      GetParam(), "model", TinyModel().c_str(), "device", "cpu", nullptr);
  gst_object_ref_sink(element);
  for (int i = 0; i < 10; ++i) {
    ASSERT_NE(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    ASSERT_EQ(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  }
}

TEST_P(HeparElementTest, AModelThatIsNotThereIsNotFound) {
  const BusError error = StartError("/no/such/model.hepar");
  EXPECT_EQ(error.domain, GST_RESOURCE_ERROR);
  EXPECT_EQ(error.code, GST_RESOURCE_ERROR_NOT_FOUND);
  EXPECT_THAT(error.text, HasSubstr("/no/such/model.hepar"));
}

TEST_P(HeparElementTest, AFileThatIsNoModelIsAWrongSetting) {
  const std::string path = WriteFile("foreign.hepar", "this is no model");
  const BusError error = StartError(path);
  EXPECT_EQ(error.domain, GST_LIBRARY_ERROR);
  EXPECT_EQ(error.code, GST_LIBRARY_ERROR_SETTINGS);
  EXPECT_THAT(error.text, HasSubstr(path));
}

TEST_P(HeparElementTest, AModelThatIsCutOffIsAWrongSetting) {
  std::ifstream whole(TinyModel(), std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(whole)), std::istreambuf_iterator<char>());
  content.resize(content.size() / 2);
  const std::string path = WriteFile("cut.hepar", content);
  const BusError error = StartError(path);
  EXPECT_EQ(error.domain, GST_LIBRARY_ERROR);
  EXPECT_THAT(error.text, HasSubstr(path));
}

TEST_P(HeparElementTest, AnUnknownDeviceIsAWrongSetting) {
  g_autoptr(GstElement) element = gst_element_factory_make_full(
      GetParam(), "model", TinyModel().c_str(), "device", "abacus", nullptr);
  gst_object_ref_sink(element);
  g_autoptr(GstBus) bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ParseError(message.get()).domain, GST_LIBRARY_ERROR);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("abacus"));
  gst_element_set_bus(element, nullptr);
  gst_element_set_state(element, GST_STATE_NULL);
}

TEST_P(HeparElementTest, WithoutAnyModelTheFirstFrameSaysWhereToSetOne) {
  Pipe pipe(Launch(""));
  EXPECT_EQ(pipe.Push(ScanBuffer(CapsOf())), GST_FLOW_ERROR);
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_ERROR);
  ASSERT_NE(message, nullptr);
  const BusError error = ParseError(message.get());
  EXPECT_EQ(error.domain, GST_RESOURCE_ERROR);
  EXPECT_EQ(error.code, GST_RESOURCE_ERROR_NOT_FOUND);
  EXPECT_THAT(error.text, HasSubstr("model="));
}

TEST_P(HeparElementTest, AModelSetWhilePlayingTakesOverBetweenTwoFrames) {
  Pipe pipe(LaunchWithModel());
  pipe.Process(ScanBuffer(CapsOf()));
  g_object_set(pipe["e"], "model", TinyModel(2).c_str(), nullptr);

  MessagePtr message;
  for (int i = 1; i < 2000 && message == nullptr; ++i) {
    pipe.Process(ScanBuffer(CapsOf(), i));
    message = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-model-changed", 5);
  }
  ASSERT_NE(message, nullptr) << "the model did not change";
  const GstStructure* structure = gst_message_get_structure(message.get());
  EXPECT_STREQ(gst_structure_get_string(structure, "location"), TinyModel(2).c_str());
  EXPECT_STRNE(gst_structure_get_string(structure, "old-id"),
               gst_structure_get_string(structure, "new-id"));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 0);
}

TEST_P(HeparElementTest, AModelThatCannotTakeOverLeavesTheOldOne) {
  Pipe pipe(LaunchWithModel());
  pipe.Process(ScanBuffer(CapsOf()));
  g_object_set(pipe["e"], "model", "/no/such/model.hepar", nullptr);

  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING, nullptr, 10000);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(ParseError(message.get()).domain, GST_RESOURCE_ERROR);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("/no/such/model.hepar"));
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("old one goes on"));
  pipe.Process(ScanBuffer(CapsOf(), 1));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 0);
}

TEST_P(HeparElementTest, StoppingWaitsForAModelThatIsBeingLoaded) {
  Pipe pipe(LaunchWithModel());
  pipe.Process(ScanBuffer(CapsOf()));
  for (unsigned i = 0; i < 5; ++i) {
    g_object_set(pipe["e"], "model", TinyModel(1 + i % 2).c_str(), nullptr);
  }
}

TEST_P(HeparElementTest, EndOfStreamPasses) {
  Pipe pipe(LaunchWithModel());
  pipe.Process(ScanBuffer(CapsOf()));
  pipe.PushEos();
  bool eos = false;
  while (GstEvent* event = gst_harness_try_pull_event(pipe.harness())) {
    eos = eos || GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    gst_event_unref(event);
  }
  EXPECT_TRUE(eos);
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

TEST(HeparDecoupleTest, RunsTheNetworksOnlyWhenEager) {
  for (const bool eager : {false, true}) {
    Pipe pipe(std::string("hepardecouple device=cpu eager=") + (eager ? "true" : "false") +
              " model=" + TinyModel());
    const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
    const auto frame = gst_buffer_get_hepar_frame(out.get());
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->decoupled(), eager);
    EXPECT_FALSE(frame->classified());
  }
}

TEST(HeparChainTest, GivesTheSameProbabilitiesAsOneElement) {
  Pipe one("heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel());
  Pipe chain("heparcolorspace device=cpu model=" + TinyModel() +
             " ! hepardecouple eager=true ! heparclassify mode=sync smoothing=0");
  for (int i = 0; i < 3; ++i) {
    const auto a = SeverityOf(one.Process(ScanBuffer(CapsOf(), i)).get());
    const auto b = SeverityOf(chain.Process(ScanBuffer(CapsOf(), i)).get());
    EXPECT_EQ(a.raw_probabilities, b.raw_probabilities);
    EXPECT_EQ(a.model_id, b.model_id);
  }
}

TEST(HeparChainTest, ElementsWithTheSameModelPrepareAFrameOnce) {
  Pipe pipe("heparcolorspace device=cpu sector=0,0,40,40 model=" + TinyModel() +
            " ! heparclassify device=cpu mode=sync model=" + TinyModel());
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  // Only heparcolorspace knows of this sector.
  EXPECT_EQ(gst_buffer_get_hepar_frame(out.get())->bounds(), cv::Rect(0, 0, 40, 40));
}

TEST(HeparChainTest, AnElementWithAnotherModelPreparesForItself) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel(1) +
            " ! heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel(2));
  Pipe alone("heparclassify device=cpu mode=sync smoothing=0 model=" + TinyModel(2));
  EXPECT_EQ(SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get()).raw_probabilities,
            SeverityOf(alone.Process(ScanBuffer(CapsOf())).get()).raw_probabilities);
}

TEST(HeparChainTest, TheWholeChainKnowsTheDeviceBeforeTheFirstFrame) {
  Pipe pipe("heparcolorspace device=cpu model=" + TinyModel() +
            " ! hepardecouple ! queue ! heparclassify name=c");
  g_autofree gchar* device = nullptr;
  g_object_get(pipe["c"], "actual-device", &device, nullptr);
  EXPECT_STREQ(device, "cpu");
}

TEST(HeparChainTest, AFrameThatFailedUpstreamPassesUngraded) {
  Pipe pipe("heparcolorspace device=cpu name=p model=" + TinyModel() +
            " ! heparclassify name=c mode=sync");
  pipe.Process(ScanBuffer(CapsOf(), 0));
  g_object_set(pipe["p"], "sector", "5000,5000,10,10", nullptr);
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf(), 1));
  EXPECT_FALSE(SeverityOf(out.get()).fresh);
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_WARNING), 1);
  EXPECT_EQ(StatOf(pipe["c"], "skipped"), 1u);
}

TEST(HeparChainTest, AnotherModelUpstreamIsAnnouncedOnceAndAdopted) {
  Pipe pipe("heparcolorspace name=p device=cpu model=" + TinyModel(1) +
            " ! hepardecouple ! heparclassify mode=sync");
  const std::string old_id = SeverityOf(pipe.Process(ScanBuffer(CapsOf())).get()).model_id;
  g_object_set(pipe["p"], "model", TinyModel(2).c_str(), nullptr);

  std::string id = old_id;
  for (int i = 1; i < 2000 && id == old_id; ++i) {
    const auto severity = SeverityOf(pipe.Process(ScanBuffer(CapsOf(), i)).get());
    id = severity.model_id;
    // Smoothing starts afresh with the new model.
    if (id != old_id) {
      EXPECT_EQ(severity.probabilities, severity.raw_probabilities);
    }
    g_usleep(2000);
  }
  EXPECT_NE(id, old_id);
  pipe.Process(ScanBuffer(CapsOf(), 2000));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 1);
}

TEST(HeparMetaTest, SeveritySurvivesConversionAndScaling) {
  Pipe pipe(
      "heparclassify device=cpu mode=sync model=" + TinyModel() +
      " ! videoconvert ! videoscale ! capsfilter caps=video/x-raw,format=RGB,width=200,height=150");
  const BufferPtr out = pipe.Process(ScanBuffer(CapsOf()));
  EXPECT_EQ(gst_buffer_get_size(out.get()), 200u * 150 * 3);
  EXPECT_TRUE(SeverityOf(out.get()).fresh);
  EXPECT_NE(gst_buffer_get_hepar_frame(out.get()), nullptr);
}

TEST(HeparMetaTest, SeverityReadsBackAsItWasWritten) {
  GstHeparSeverity in;
  in.label = "mild";
  in.grade = 1;
  in.probabilities = {0.1, 0.9};
  in.raw_probabilities = {0.2, 0.8};
  in.class_names = {"normal", "mild"};
  in.confidence = 0.9;
  in.state = GstHeparState::kGraded;
  in.trust = 0.5;
  in.domain_score = 0.75;
  in.model_name = "m";
  in.model_id = "abc";
  in.age = 5;
  in.inference_time = 6;
  const BufferPtr buffer(gst_buffer_new());
  gst_buffer_set_hepar_severity(buffer.get(), GstHeparSeverity());
  gst_buffer_set_hepar_severity(buffer.get(), in);  // Replaces.
  const GstHeparSeverity out = SeverityOf(buffer.get());
  EXPECT_EQ(out.label, in.label);
  EXPECT_EQ(out.grade, in.grade);
  EXPECT_EQ(out.probabilities, in.probabilities);
  EXPECT_EQ(out.raw_probabilities, in.raw_probabilities);
  EXPECT_EQ(out.class_names, in.class_names);
  EXPECT_EQ(out.confidence, in.confidence);
  EXPECT_EQ(out.state, in.state);
  EXPECT_EQ(out.trust, in.trust);
  EXPECT_EQ(out.domain_score, in.domain_score);
  EXPECT_EQ(out.model_name, in.model_name);
  EXPECT_EQ(out.model_id, in.model_id);
  EXPECT_FALSE(out.fresh);
  EXPECT_EQ(out.age, in.age);
  EXPECT_EQ(out.inference_time, in.inference_time);
}

TEST(HeparMetaTest, AStateIsReadOrFollowsFromTheGrade) {
  const BufferPtr buffer(gst_buffer_new());
  GstHeparSeverity in;
  in.domain_score = 3.0;
  for (const GstHeparState state :
       {GstHeparState::kNotLiver, GstHeparState::kUncertain, GstHeparState::kGraded}) {
    in.state = state;
    gst_buffer_set_hepar_severity(buffer.get(), in);
    EXPECT_EQ(SeverityOf(buffer.get()).state, state);
  }
  in.domain_score.reset();
  gst_buffer_set_hepar_severity(buffer.get(), in);
  EXPECT_FALSE(SeverityOf(buffer.get()).domain_score.has_value());

  // As those write that know no state.
  GstStructure* fields = gst_custom_meta_get_structure(
      gst_buffer_get_custom_meta(buffer.get(), GST_HEPAR_SEVERITY_META_NAME));
  gst_structure_remove_field(fields, "state");
  EXPECT_EQ(SeverityOf(buffer.get()).state, GstHeparState::kUncertain);
  gst_structure_set(fields, "grade", G_TYPE_INT, 0, nullptr);
  EXPECT_EQ(SeverityOf(buffer.get()).state, GstHeparState::kGraded);
  gst_structure_set(fields, "state", G_TYPE_STRING, "tired", nullptr);
  EXPECT_FALSE(HasSeverity(buffer.get()));
}

TEST(HeparMetaTest, AMetaWithAFieldMissingIsNotRead) {
  const BufferPtr buffer(gst_buffer_new());
  gst_buffer_set_hepar_severity(buffer.get(), GstHeparSeverity());
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer.get(), GST_HEPAR_SEVERITY_META_NAME);
  gst_structure_remove_field(gst_custom_meta_get_structure(meta), "grade");
  EXPECT_FALSE(HasSeverity(buffer.get()));
}

}  // namespace
}  // namespace hepar::testing
