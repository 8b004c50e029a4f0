// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Caps, properties, events and frames for the elements: each pair of bytes is an operation and its
// argument. One frame must come out for each that went in and was accepted. The plugin is that of
// another build, found by GST_PLUGIN_PATH, and not instrumented: LibTorch would be too. So inputs
// are random rather than led by coverage, and faults are crashes, criticals and broken promises.
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace hepar {
namespace {

constexpr char kModel[] = "steatosis-sim-live";  // In HEPAR_MODEL_PATH.
constexpr GstClockTime kFrameTime = 40 * GST_MSECOND;

// The bytes of the input, and 0 behind their end.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return next_ >= size_; }
  int Next() { return empty() ? 0 : data_[next_++]; }
  template <typename T, std::size_t N>
  const T& Of(const T (&values)[N]) {
    return values[static_cast<std::size_t>(Next()) % N];
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, next_ = 0;
};

[[noreturn]] void Fail(const char* what, const std::string& more) {
  std::fprintf(stderr, "fuzz_elements: %s %s\n", what, more.c_str());
  std::abort();
}

class Elements {
 public:
  explicit Elements(Bytes* bytes) : bytes_(*bytes) {
    const std::string model = std::string(" model=") + kModel;
    const std::string launches[] = {
        "heparbin name=grader" + model,
        "heparclassify name=grader" + model + " ! heparoverlay name=overlay",
        "heparcolorspace" + model +
            " ! hepardecouple ! heparclassify name=grader ! heparoverlay name=overlay",
        "heparoverlay name=overlay"};
    harness_ = gst_harness_new_parse(bytes_.Of(launches).c_str());
    if (harness_ == nullptr) Fail("the plugin is missing:", "set GST_PLUGIN_PATH");
    bus_ = gst_bus_new();
    gst_bus_set_flushing(bus_, TRUE);  // Messages are of no interest.
    gst_element_set_bus(harness_->element, bus_);
    if (GstElement* grader = Named("grader")) {
      gst_util_set_object_arg(G_OBJECT(grader), "mode", "sync");
      gst_object_unref(grader);
    }
    gst_harness_play(harness_);
    Begin();
  }
  ~Elements() {
    gst_element_set_state(harness_->element, GST_STATE_NULL);
    gst_element_set_bus(harness_->element, nullptr);
    gst_object_unref(bus_);
    gst_harness_teardown(harness_);
  }
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  void Step() {
    switch (bytes_.Next() % 10) {
      case 0:
      case 1:
        return PushFrame(0);
      case 2:
        return PushFrame(bytes_.Next() - 128);
      case 3:
        return PushCaps();
      case 4:
        return SetProperty();
      case 5:
        return SendEvent();
      case 6:
        return Flush();
      case 7:
        return PushSegment();
      case 8:
        return Cycle();
      default:
        return Jump();
    }
  }

 private:
  GstElement* Named(const char* name) {
    if (!GST_IS_BIN(harness_->element) || std::string(GST_OBJECT_NAME(harness_->element)) == name) {
      return GST_ELEMENT(gst_object_ref(harness_->element));
    }
    GstElement* found = gst_bin_get_by_name(GST_BIN(harness_->element), name);
    return found != nullptr ? found : GST_ELEMENT(gst_object_ref(harness_->element));
  }

  void Push(GstEvent* event) { gst_harness_push_event(harness_, event); }

  void Begin() {
    Push(gst_event_new_stream_start("fuzz"));
    PushCaps();
    PushSegment();
  }

  // Of formats that the elements take and others, and of sizes without sense.
  void PushCaps() {
    constexpr const char* kFormats[] = {"GRAY8", "I420", "NV12", "RGB",       "BGRx",
                                        "YUY2",  "RGBA", "Y444", "GRAY16_LE", "P010_10LE"};
    constexpr int kSides[] = {64, 97, 33, 160, 16, 1, 2, 3, 1000};
    constexpr const char* kRates[] = {"25/1", "30000/1001", "0/1", "1/1000", "1000/1"};
    constexpr const char* kMore[] = {"",
                                     ",pixel-aspect-ratio=2/1",
                                     ",interlace-mode=interleaved",
                                     ",colorimetry=1:1:0:0",
                                     ",colorimetry=bt709",
                                     ",multiview-mode=mono"};
    const std::string text = std::string("video/x-raw,format=") + bytes_.Of(kFormats) +
                             ",width=" + std::to_string(bytes_.Of(kSides)) +
                             ",height=" + std::to_string(bytes_.Of(kSides)) +
                             ",framerate=" + bytes_.Of(kRates) + bytes_.Of(kMore);
    g_autoptr(GstCaps) caps = gst_caps_from_string(text.c_str());
    if (!gst_video_info_from_caps(&info_, caps)) return;
    Push(gst_event_new_caps(caps));
  }

  void PushSegment() {
    constexpr GstFormat kSegmentFormats[] = {GST_FORMAT_TIME, GST_FORMAT_TIME, GST_FORMAT_BYTES};
    constexpr double kSpeeds[] = {1.0, 1.0, 2.0, -1.0};
    GstSegment segment;
    gst_segment_init(&segment, bytes_.Of(kSegmentFormats));
    segment.rate = bytes_.Of(kSpeeds);
    segment.start = segment.position = static_cast<guint64>(bytes_.Next()) * kFrameTime;
    segment.stop = segment.start + 1000 * kFrameTime;
    segment.time = segment.start;
    time_ = segment.start;
    Push(gst_event_new_segment(&segment));
  }

  // `extra` bytes more than the format needs, or fewer.
  void PushFrame(int extra) {
    const auto needed = static_cast<gssize>(GST_VIDEO_INFO_SIZE(&info_));
    const auto size = static_cast<gsize>(std::max<gssize>(needed + extra, 0));
    GstBuffer* frame = gst_buffer_new_allocate(nullptr, size, nullptr);
    gst_buffer_memset(frame, 0, static_cast<guint8>(bytes_.Next()), size);
    GST_BUFFER_PTS(frame) = bytes_.Next() % 16 == 0 ? GST_CLOCK_TIME_NONE : time_;
    GST_BUFFER_DURATION(frame) = kFrameTime;
    const GstClockTime time = GST_BUFFER_PTS(frame);
    time_ += kFrameTime;
    const GstFlowReturn flow = gst_harness_push(harness_, frame);
    int out = 0;
    while (GstBuffer* buffer = gst_harness_try_pull(harness_)) {
      ++out;
      if (GST_BUFFER_PTS(buffer) != time) Fail("a frame has another time", "");
      gst_buffer_unref(buffer);
    }
    if (out > 1) Fail("one frame went in and more came out", "");
    if (flow == GST_FLOW_OK && out == 0 && extra == 0 && InSegment(time)) {
      Fail("a frame went in and none came out", "");
    }
  }

  // Frames outside their segment may be dropped, as GstBaseTransform does.
  bool InSegment(GstClockTime time) const {
    g_autoptr(GstEvent) event = gst_pad_get_sticky_event(harness_->srcpad, GST_EVENT_SEGMENT, 0);
    const GstSegment* segment = nullptr;
    if (event != nullptr) gst_event_parse_segment(event, &segment);
    return segment != nullptr && segment->format == GST_FORMAT_TIME &&
           GST_CLOCK_TIME_IS_VALID(time) &&
           gst_segment_clip(segment, GST_FORMAT_TIME, time, time + kFrameTime, nullptr, nullptr);
  }

  void SetProperty() {
    static constexpr struct {
      const char* name;
      const char* values[4];
    } kProperties[] = {
        {"smoothing", {"0", "0.5", "2", "10"}},
        {"interval", {"1", "2", "1000", "1"}},
        {"min-confidence", {"0", "0.3", "0.9", "1"}},
        {"check-view", {"true", "false", "true", "false"}},
        {"unfamiliar", {"grade", "withhold", "grade", "withhold"}},
        {"on-error", {"warn", "error", "warn", "nonsense"}},
        {"post-stats", {"true", "false", "false", "false"}},
        {"sector", {"auto", "full", "1,2,40,30", "nonsense"}},
        {"stream-id", {"a", "", "\xff\xfe", "long name of a stream"}},
        {"model-sha256", {"", "00", "zz", ""}},
        {"trusted-keys", {"", "/none", "/", "/dev/null"}},
        {"view", {"none", "all", "none", "none"}},
        {"theme", {"dark", "light", "dark", "light"}},
        {"show-panel", {"true", "false", "true", "true"}},
        {"show-trend", {"true", "false", "true", "true"}},
        {"show-overlay", {"true", "false", "true", "true"}},
        {"position", {"top-left", "bottom-right", "top-right", "bottom-left"}},
        {"mode", {"sync", "sync", "sync", "sync"}},
        {"model", {"/nonexistent.hepar", "/dev/null", "", "steatosis-byra-live"}},
    };
    const auto& property = bytes_.Of(kProperties);
    const char* value = bytes_.Of(property.values);
    for (const char* name : {"grader", "overlay"}) {
      GstElement* element = Named(name);
      if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property.name) != nullptr) {
        gst_util_set_object_arg(G_OBJECT(element), property.name, value);
      }
      gst_object_unref(element);
    }
  }

  void SendEvent() {
    const auto time = static_cast<GstClockTime>(bytes_.Next()) * kFrameTime;
    switch (bytes_.Next() % 9) {
      case 0:
        return Push(gst_event_new_gap(time, kFrameTime));
      case 1:
        return Push(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "fuzz", nullptr)));
      case 2:
        return Push(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                         gst_structure_new_empty("of-a-stranger")));
      case 3:  // By the name of the event that passes an engine on, without an engine.
        return Push(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
                                         gst_structure_new_empty("hepar-engine")));
      case 4:
        gst_harness_push_upstream_event(harness_,
                                        gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 0.5, 1000, time));
        return;
      case 5:
        gst_harness_push_upstream_event(
            harness_,
            gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                               static_cast<gint64>(time), GST_SEEK_TYPE_NONE, 0));
        return;
      case 6:
        gst_harness_push_upstream_event(harness_, gst_event_new_reconfigure());
        return;
      case 7:
        Push(gst_event_new_eos());
        return Flush();
      default:
        return Push(gst_event_new_stream_start("another"));
    }
  }

  void Flush() {
    Push(gst_event_new_flush_start());
    Push(gst_event_new_flush_stop(TRUE));
    PushSegment();
  }

  void Cycle() {
    constexpr GstState kStates[] = {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED};
    gst_element_set_state(harness_->element, bytes_.Of(kStates));
    gst_element_set_state(harness_->element, GST_STATE_PLAYING);
    Begin();
  }

  // The clock of the source jumps.
  void Jump() { time_ = static_cast<GstClockTime>(bytes_.Next()) * GST_SECOND; }

  Bytes& bytes_;
  GstHarness* harness_ = nullptr;
  GstBus* bus_ = nullptr;
  GstVideoInfo info_ = {};
  GstClockTime time_ = 0;
};

}  // namespace
}  // namespace hepar

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  gst_init(nullptr, nullptr);
  // Elements with the same model share it. This one keeps it, or each input would load it.
  GstElement* keeper = gst_element_factory_make("heparclassify", nullptr);
  if (keeper == nullptr) hepar::Fail("the plugin is missing:", "set GST_PLUGIN_PATH");
  g_object_set(keeper, "model", hepar::kModel, nullptr);
  if (gst_element_set_state(keeper, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE) {
    hepar::Fail("no model", hepar::kModel);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMaxSteps = 64;
  hepar::Bytes bytes(data, size);
  hepar::Elements elements(&bytes);
  for (int step = 0; step < kMaxSteps && !bytes.empty(); ++step) elements.Step();
  return 0;
}
