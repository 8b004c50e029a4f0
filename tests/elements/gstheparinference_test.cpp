// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What heparcolorspace, hepardecouple and heparclassify have in common.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "models/file_io.h"
#include "models/signature.h"
#include "models/signing.h"
#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kFormats[][10] = {"GRAY8", "GRAY16_LE", "RGB",  "BGR",  "RGBx", "BGRx",
                                 "RGBA",  "BGRA",      "I420", "NV12", "YUY2", "UYVY"};

class HeparElementTest : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string Launch(const std::string& properties) {
    return std::string(GetParam()) + " name=e device=cpu " + properties;
  }
  static std::string LaunchWithModel() { return Launch("model=" + TinyModel()); }

  // Starting must fail with an error on the bus that names the remedy.
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
  EXPECT_FALSE(takes(CapsOf("Y41B")));
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
  GST_BUFFER_FLAG_SET(in.get(), GST_VIDEO_BUFFER_FLAG_INTERLACED);
  GST_BUFFER_FLAG_SET(in.get(), GST_BUFFER_FLAG_DISCONT);
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
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("old model stays in use"));
  pipe.Process(ScanBuffer(CapsOf(), 1));
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 0);
}

TEST_P(HeparElementTest, AHostileModelDoesNotTakeOver) {
  Pipe pipe(LaunchWithModel());
  pipe.Process(ScanBuffer(CapsOf()));
  const std::string sound = TinyModel(3);
  const std::vector<std::pair<std::string, std::function<void(std::string*)>>> changes = {
      {"data/0", [](std::string* part) { part->clear(); }},
      {"data/1", [](std::string* part) { part->resize(4); }},
      {"data.pkl",
       [](std::string* part) { *part = "\x80\2)" + std::string(100000, '\x85') + "."; }},
      {"data.pkl",
       [](std::string* part) {
         const std::string from = "collections\nOrderedDict\n";
         part->replace(part->find(from), from.size(), "os\nsystem\n");
       }},
      {"extra/hepar.json",
       [](std::string* part) {
         part->insert(1, "\"name\":" + std::string(100000, '[') + std::string(100000, ']') + ",");
       }},
      {"code/__torch__.py",
       [](std::string* part) { *part += "\n  def f(self) -> int:\n    return 1\n"; }},
  };
  int frame = 1;
  for (const auto& [part, change] : changes) {
    SCOPED_TRACE(part);
    g_object_set(pipe["e"], "model", WithPart(sound, part, change).c_str(), nullptr);
    const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING, nullptr, 10000);
    ASSERT_NE(message, nullptr);
    EXPECT_THAT(ParseError(message.get()).text, HasSubstr("old model stays in use"));
    EXPECT_EQ(ParseError(message.get()).text.find('\n'), std::string::npos);
    pipe.Process(ScanBuffer(CapsOf(), frame++));
  }
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 0);
}

TEST_P(HeparElementTest, CodeOfAModelRunsOnlyWhereItIsAllowed) {
  const std::string path = WriteCodeModel(::testing::TempDir(), std::string(GetParam()) + ".hepar");
  const BusError error = StartError(path);
  EXPECT_EQ(error.domain, GST_RESOURCE_ERROR);
  EXPECT_THAT(error.text, HasSubstr("set allow-code, or model-sha256"));
  {
    Pipe pipe(Launch("allow-code=true model=" + path));
    pipe.Process(ScanBuffer(CapsOf()));
  }
  g_autofree gchar* content = nullptr;
  gsize size = 0;
  ASSERT_TRUE(g_file_get_contents(path.c_str(), &content, &size, nullptr));
  g_autofree gchar* digest =
      g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<guchar*>(content), size);
  Pipe pipe(Launch("model-sha256=" + std::string(64, '0') + "," + digest + " model=" + path));
  pipe.Process(ScanBuffer(CapsOf()));

  // Another file than those named is refused, code or not.
  g_object_set(pipe["e"], "model", TinyModel().c_str(), nullptr);
  const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING, nullptr, 10000);
  ASSERT_NE(message, nullptr);
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("not what model-sha256 names"));
  EXPECT_THAT(ParseError(message.get()).text, HasSubstr("old model stays in use"));
}

// A copy of the tiny model of that seed with a name of its own, signed with the key `key`.NAME.
std::string SignedModel(const std::string& folder, const std::string& name, unsigned seed,
                        const std::string& key) {
  const std::string bytes = ReadFile(TinyModel(seed), 1 << 30);
  std::string path = folder + "/" + name + ".hepar";
  WriteFileAtomically(path, bytes);
  WriteFileAtomically(path + kSignatureEnd, SignBytes(bytes, folder + "/" + key + ".key").bytes);
  return path;
}

TEST_P(HeparElementTest, OnlyModelsThatATrustedKeyHasSignedAreUsed) {
  const std::string folder = ::testing::TempDir() + "hepar_trusted_keys_" + GetParam();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  WriteSigningKeys(folder + "/maker");
  WriteSigningKeys(folder + "/second");
  // The folder has both keys; a stranger's is elsewhere.
  std::filesystem::create_directories(folder + "/elsewhere");
  WriteSigningKeys(folder + "/elsewhere/stranger");
  const std::string by_maker = SignedModel(folder, "a", 1, "maker");
  const std::string by_second = SignedModel(folder, "b", 2, "second");
  const std::string by_stranger = SignedModel(folder, "c", 2, "elsewhere/stranger");

  // At the start.
  {
    g_autoptr(GstElement) element =
        gst_element_factory_make_full(GetParam(), "device", "cpu", "trusted-keys", folder.c_str(),
                                      "model", by_stranger.c_str(), nullptr);
    gst_object_ref_sink(element);
    g_autoptr(GstBus) bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    const MessagePtr message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
    ASSERT_NE(message, nullptr);
    EXPECT_THAT(ParseError(message.get()).text, HasSubstr("add the maker's public key"));
    gst_element_set_bus(element, nullptr);
    gst_element_set_state(element, GST_STATE_NULL);
  }

  // While frames flow: the old model stays in use, and another trusted one takes over.
  Pipe pipe(Launch("trusted-keys=" + folder + " model=" + by_maker));
  pipe.Process(ScanBuffer(CapsOf(), 0));
  int frame = 1;
  for (const auto& [model, cause] : {std::pair(by_stranger, "another key has signed"),
                                     std::pair(TinyModel(2), "is not signed")}) {
    g_object_set(pipe["e"], "model", model.c_str(), nullptr);
    const MessagePtr message = pipe.PopMessage(GST_MESSAGE_WARNING, nullptr, 10000);
    ASSERT_NE(message, nullptr);
    EXPECT_THAT(ParseError(message.get()).text, HasSubstr(cause));
    EXPECT_THAT(ParseError(message.get()).text, HasSubstr("old model stays in use"));
    pipe.Process(ScanBuffer(CapsOf(), frame++));
  }
  EXPECT_EQ(pipe.CountMessages(GST_MESSAGE_ELEMENT, "hepar-model-changed"), 0);
  g_object_set(pipe["e"], "model", by_second.c_str(), nullptr);
  MessagePtr changed;
  for (int i = 0; i < 200 && changed == nullptr; ++i) {
    pipe.Process(ScanBuffer(CapsOf(), frame++));
    changed = pipe.PopMessage(GST_MESSAGE_ELEMENT, "hepar-model-changed", 50);
  }
  EXPECT_NE(changed, nullptr);
  std::filesystem::remove_all(folder);
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

}  // namespace
}  // namespace hepar::testing
