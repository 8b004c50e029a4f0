// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elements/gstheparframemeta.h"
#include "elements/gstheparseveritymeta.h"
#include "tests/support/tiny_model.h"

namespace hepar::testing {

struct GstDeleter {
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
  void operator()(GstMessage* message) const { gst_message_unref(message); }
};
using BufferPtr = std::unique_ptr<GstBuffer, GstDeleter>;
using MessagePtr = std::unique_ptr<GstMessage, GstDeleter>;

constexpr int kWidth = 97;  // Odd, so that rows are padded and chroma is rounded.
constexpr int kHeight = 75;
constexpr GstClockTime kFrameTime = 40 * GST_MSECOND;

inline std::string CapsOf(const std::string& format = "GRAY8", int width = kWidth,
                          int height = kHeight) {
  return "video/x-raw,format=" + format + ",width=" + std::to_string(width) +
         ",height=" + std::to_string(height) + ",framerate=25/1";
}

inline GstVideoInfo InfoOf(const std::string& caps_text) {
  g_autoptr(GstCaps) caps = gst_caps_from_string(caps_text.c_str());
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_from_caps(&info, caps)) << caps_text;
  return info;
}

// The path of a tiny model. Equal seeds give the same model, which is written once.
inline std::string TinyModel(unsigned seed = 1) {
  static std::map<unsigned, std::string> written;
  std::string& path = written[seed];
  if (path.empty()) {
    // Test programs run at the same time and share the folder.
    path = WriteTinyModel(
        ::testing::TempDir(),
        "tiny" + std::to_string(seed) + "-" + std::to_string(g_random_int()) + ".hepar", seed);
  }
  return path;
}

inline std::string WriteFile(const std::string& name, const std::string& content) {
  std::string path = ::testing::TempDir() + std::to_string(g_random_int()) + "-" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

// Frame `index` of a synthetic scan: a bright texture that moves slowly; every byte is set.
inline BufferPtr ScanBuffer(const std::string& caps, int index = 0) {
  const GstVideoInfo info = InfoOf(caps);
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr));
  GstMapInfo map;
  EXPECT_TRUE(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE));
  const double side = std::sqrt(static_cast<double>(map.size));
  for (gsize i = 0; i < map.size; ++i) {
    const double x = std::fmod(static_cast<double>(i), side) / side;
    const double y = static_cast<double>(i) / static_cast<double>(map.size);
    const double wave = std::sin(40.0 * x + 0.2 * index) * std::cos(30.0 * y);
    map.data[i] = static_cast<guint8>(120.0 + 80.0 * wave + static_cast<double>(i * 7 % 13));
  }
  gst_buffer_unmap(buffer.get(), &map);
  GST_BUFFER_PTS(buffer.get()) = static_cast<GstClockTime>(index) * kFrameTime;
  GST_BUFFER_DURATION(buffer.get()) = kFrameTime;
  return buffer;
}

inline std::vector<guint8> Bytes(GstBuffer* buffer) {
  std::vector<guint8> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

inline double Sum(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

// Elements in the syntax of gst-launch, started, with a bus, between pads that the test controls. A
// harness always reports a live upstream.
class Pipe {
 public:
  explicit Pipe(const std::string& launch, const std::string& caps = CapsOf()) {
    g_autoptr(GError) error = nullptr;
    bin_ = gst_parse_bin_from_description(launch.c_str(), TRUE, &error);
    EXPECT_NE(bin_, nullptr) << (error ? error->message : "");
    gst_object_ref_sink(bin_);
    bus_ = gst_bus_new();
    gst_element_set_bus(bin_, bus_);
    harness_ = gst_harness_new_with_element(bin_, "sink", "src");
    if (!caps.empty()) gst_harness_set_src_caps_str(harness_, caps.c_str());
  }
  ~Pipe() {
    gst_harness_teardown(harness_);
    gst_element_set_bus(bin_, nullptr);
    gst_object_unref(bus_);
    gst_object_unref(bin_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  GstHarness* harness() { return harness_; }

  // The element called `name`, owned by the pipe.
  GstElement* operator[](const char* name) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(bin_), name);
    EXPECT_NE(element, nullptr) << name;
    gst_object_unref(element);
    return element;
  }

  GstFlowReturn Push(BufferPtr buffer) { return gst_harness_push(harness_, buffer.release()); }

  // The next output; null if there is none.
  BufferPtr Pull() { return BufferPtr(gst_harness_try_pull(harness_)); }

  BufferPtr Process(BufferPtr buffer) {
    EXPECT_EQ(Push(std::move(buffer)), GST_FLOW_OK);
    BufferPtr out = Pull();
    EXPECT_NE(out, nullptr);
    return out;
  }

  void PushEos() { EXPECT_TRUE(gst_harness_push_event(harness_, gst_event_new_eos())); }

  // The next message of a type (and, for element messages, of a name); null if there is none.
  MessagePtr PopMessage(GstMessageType type, const char* name = nullptr, int wait_ms = 0) {
    while (true) {
      MessagePtr message(
          gst_bus_timed_pop_filtered(bus_, static_cast<GstClockTime>(wait_ms) * GST_MSECOND, type));
      if (message == nullptr || name == nullptr || gst_message_has_name(message.get(), name)) {
        return message;
      }
    }
  }

  int CountMessages(GstMessageType type, const char* name = nullptr) {
    int count = 0;
    while (PopMessage(type, name) != nullptr) ++count;
    return count;
  }

 private:
  GstElement* bin_ = nullptr;
  GstBus* bus_ = nullptr;
  GstHarness* harness_ = nullptr;
};

inline GstHeparSeverity SeverityOf(GstBuffer* buffer) {
  GstHeparSeverity severity;
  EXPECT_TRUE(gst_buffer_get_hepar_severity(buffer, &severity)) << "no severity on the buffer";
  return severity;
}

inline bool HasSeverity(GstBuffer* buffer) {
  GstHeparSeverity severity;
  return gst_buffer_get_hepar_severity(buffer, &severity);
}

inline guint64 Count(const GstStructure* structure, const char* field) {
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(structure, field, &value)) << field;
  return value;
}

// One of the counts of heparclassify's `stats`.
inline guint64 StatOf(GstElement* classify, const char* field) {
  GstStructure* stats = nullptr;
  g_object_get(classify, "stats", &stats, nullptr);
  EXPECT_NE(stats, nullptr);
  const guint64 value = Count(stats, field);
  gst_structure_free(stats);
  return value;
}

struct BusError {
  GQuark domain = 0;
  int code = 0;
  std::string text;
};

inline BusError ParseError(GstMessage* message) {
  g_autoptr(GError) error = nullptr;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning(message, &error, nullptr);
  } else {
    gst_message_parse_error(message, &error, nullptr);
  }
  return {error->domain, error->code, error->message};
}

}  // namespace hepar::testing
