// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Grades a video, a still picture or the simulated scanner, and prints the grade over time. It
// shows how an application reads the severity: changes of the grade from the bus, and the severity
// of each frame from its buffer. Both are plain GstStructures, so no header of this project is
// needed.
//
//   grade-video --model BUNDLE [--out DIR] [FILE]
//
// With --out, the video goes to DIR/overlay.mkv and DIR/overlay.png, else to a window.
#include <gst/gst.h>

#include <cstdio>
#include <map>
#include <string>

namespace {

constexpr char kGrades[][9] = {"normal", "mild", "moderate", "severe"};
constexpr int kSecondsPerGrade = 4;
constexpr int kFps = 25;  // Of what is no video: the simulated scanner, a still.
// How long a still is shown in a window; in a file, what heparclassify's smoothing needs is enough.
constexpr int kStillSecondsShown = 10, kStillSecondsWritten = 2;

// GLib's option parser allocates what it stores here.
struct Options {
  char* model = nullptr;
  char* out = nullptr;
  char** files = nullptr;

  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options() {
    g_free(model);
    g_free(out);
    g_strfreev(files);
  }
};

struct Session {
  GMainLoop* loop = nullptr;
  GstElement* pipeline = nullptr;
  bool simulated = false;
  int simulated_grade = 0;
  bool failed = false;
  std::string timeline;
  std::map<std::string, int> frames_by_label;  // Written by the streaming thread until EOS.
};

// The pipeline downstream of the video source, in the syntax of gst-launch-1.0.
std::string Tail(const Options& options) {
  std::string tail =
      " ! heparbin name=hepar model=\"" + std::string(options.model) + "\" ! videoconvert";
  if (!options.out) return tail + " ! autovideosink";
  const std::string out = options.out;
  return tail +
         " ! tee name=t"
         " t. ! queue ! jpegenc quality=90 ! matroskamux ! filesink location=\"" +
         out +
         "/overlay.mkv\""
         " t. ! queue ! videorate drop-only=true max-rate=1 ! pngenc ! multifilesink "
         "location=\"" +
         out + "/overlay.png\"";
}

// The kind of a file by its content, whatever its name; "" for what GStreamer does not know.
std::string MediaTypeOf(const std::string& file) {
  const std::string description =
      "filesrc location=\"" + file + "\" ! typefind name=finder ! fakesink";
  g_autoptr(GstElement) pipeline = gst_parse_launch(description.c_str(), nullptr);
  if (!pipeline) return "";
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  gst_element_get_state(pipeline, nullptr, nullptr, GST_CLOCK_TIME_NONE);
  g_autoptr(GstElement) finder = gst_bin_get_by_name(GST_BIN(pipeline), "finder");
  g_autoptr(GstCaps) caps = nullptr;
  g_object_get(finder, "caps", &caps, nullptr);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  if (!caps || gst_caps_is_empty(caps) || gst_caps_is_any(caps)) return "";
  return gst_structure_get_name(gst_caps_get_structure(caps, 0));
}

// How many frames a DICOM file says that it has; 0 where it cannot be read.
int DicomFrames(const std::string& file) {
  const std::string description = "filesrc location=\"" + file + "\" ! hepardicomdec ! fakesink";
  g_autoptr(GstElement) pipeline = gst_parse_launch(description.c_str(), nullptr);
  if (!pipeline) return 0;
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  gst_element_get_state(pipeline, nullptr, nullptr, GST_CLOCK_TIME_NONE);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  int frames = 0;
  while (GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT)) {
    if (gst_message_has_name(message, "hepar-dicom")) {
      gst_structure_get_int(gst_message_get_structure(message), "frames", &frames);
    }
    gst_message_unref(message);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return frames;
}

// Whether a file is a still picture.
bool IsStill(const std::string& file) {
  const std::string type = MediaTypeOf(file);
  return g_str_has_prefix(type.c_str(), "image/") ||
         (type == "application/dicom" && DicomFrames(file) == 1);
}

std::string Description(const Options& options, bool simulated) {
  const std::string rate = " ! video/x-raw,framerate=" + std::to_string(kFps) + "/1 ! videoconvert";
  if (simulated) {
    return "heparsimsrc name=scanner is-live=true num-buffers=" +
           std::to_string(4 * kSecondsPerGrade * kFps) + rate + Tail(options);
  }
  const std::string file = options.files[0];
  const std::string decoded = "filesrc location=\"" + file + "\" ! decodebin ! videoconvert";
  if (!IsStill(file)) return decoded + Tail(options);
  const int seconds = options.out ? kStillSecondsWritten : kStillSecondsShown;
  return decoded + " ! imagefreeze num-buffers=" + std::to_string(seconds * kFps) + rate +
         Tail(options);
}

// The severity of each frame is a custom meta on the buffer that leaves the bin.
GstPadProbeReturn CountFrame(GstPad*, GstPadProbeInfo* info, gpointer data) {
  auto* session = static_cast<Session*>(data);
  GstCustomMeta* meta =
      gst_buffer_get_custom_meta(GST_PAD_PROBE_INFO_BUFFER(info), "HeparSeverityMeta");
  const char* label =
      meta ? gst_structure_get_string(gst_custom_meta_get_structure(meta), "label") : nullptr;
  ++session->frames_by_label[label ? label : "not graded"];
  return GST_PAD_PROBE_OK;
}

void PrintChange(Session* session, const GstStructure* structure) {
  guint64 time = 0;
  gdouble confidence = 0.0;
  gst_structure_get_uint64(structure, "stream-time", &time);
  gst_structure_get_double(structure, "confidence", &confidence);
  const char* label = gst_structure_get_string(structure, "label");
  g_autofree char* entry = g_strdup_printf(
      "%.1f s %s (%.2f)", static_cast<double>(time) / GST_SECOND, label ? label : "?", confidence);
  std::printf("  %s\n", entry);
  std::fflush(stdout);
  session->timeline += (session->timeline.empty() ? "" : ", ") + std::string(entry);
}

gboolean OnMessage(GstBus*, GstMessage* message, gpointer data) {
  auto* session = static_cast<Session*>(data);
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ELEMENT: {
      const GstStructure* structure = gst_message_get_structure(message);
      if (gst_structure_has_name(structure, "hepar-severity")) PrintChange(session, structure);
      break;
    }
    case GST_MESSAGE_WARNING:
    case GST_MESSAGE_ERROR: {
      const bool fatal = GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR;
      g_autoptr(GError) error = nullptr;
      g_autofree char* details = nullptr;
      (fatal ? gst_message_parse_error : gst_message_parse_warning)(message, &error, &details);
      std::fprintf(stderr, "%s: %s\n%s\n", fatal ? "error" : "warning", error->message,
                   details ? details : "");
      if (fatal) {
        session->failed = true;
        g_main_loop_quit(session->loop);
      }
      break;
    }
    case GST_MESSAGE_EOS:
      g_main_loop_quit(session->loop);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

// The simulated steatosis gets worse over time.
gboolean NextGrade(gpointer data) {
  auto* session = static_cast<Session*>(data);
  if (++session->simulated_grade > 3) return G_SOURCE_REMOVE;
  g_autoptr(GstElement) scanner = gst_bin_get_by_name(GST_BIN(session->pipeline), "scanner");
  gst_util_set_object_arg(G_OBJECT(scanner), "severity", kGrades[session->simulated_grade]);
  return G_SOURCE_CONTINUE;
}

int Run(const Options& options) {
  Session session;
  session.simulated = !options.files || !options.files[0];
  g_autoptr(GError) error = nullptr;
  g_autoptr(GstElement) pipeline =
      gst_parse_launch(Description(options, session.simulated).c_str(), &error);
  if (error) {
    std::fprintf(stderr, "error: %s\n", error->message);
    return 1;
  }
  g_autoptr(GMainLoop) loop = g_main_loop_new(nullptr, FALSE);
  session.loop = loop;
  session.pipeline = pipeline;

  g_autoptr(GstElement) bin = gst_bin_get_by_name(GST_BIN(pipeline), "hepar");
  g_autoptr(GstPad) pad = gst_element_get_static_pad(bin, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, CountFrame, &session, nullptr);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_bus_add_watch(bus, OnMessage, &session);

  std::printf("Grade over time (research use only):\n");
  guint timer = 0;
  if (session.simulated) timer = g_timeout_add_seconds(kSecondsPerGrade, NextGrade, &session);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_main_loop_run(loop);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_bus_remove_watch(bus);
  if (timer && session.simulated_grade <= 3) g_source_remove(timer);
  if (session.failed) return 1;

  std::printf("Grade over time: %s\n", session.timeline.c_str());
  std::printf("Frames:");
  for (const auto& [label, frames] : session.frames_by_label) {
    std::printf(" %s %d", label.c_str(), frames);
  }
  std::printf("\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const GOptionEntry entries[] = {
      {"model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, "Model bundle (.hepar)", "BUNDLE"},
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
       "Folder for overlay.mkv and overlay.png, instead of a window", "DIR"},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, nullptr, "[FILE]"},
      {}};
  g_autoptr(GOptionContext) context = g_option_context_new("- grade fatty liver on a video");
  g_option_context_add_main_entries(context, entries, nullptr);
  g_option_context_add_group(context, gst_init_get_option_group());
  g_autoptr(GError) error = nullptr;
  if (!g_option_context_parse(context, &argc, &argv, &error) || !options.model) {
    std::fprintf(stderr, "%s\n", error ? error->message : "--model is needed; see --help");
    return 2;
  }
  return Run(options);
}
