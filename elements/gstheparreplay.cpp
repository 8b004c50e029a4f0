// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparreplay
 * @title: heparreplay
 * @short_description: Puts recorded results back on the frames of a recording
 * @see_also: heparpublish, heparoverlay
 *
 * Reads the results that heparpublish wrote while a session was recorded, and attaches them to the
 * frames of the recording as heparclassify did, so that heparoverlay and applications show the same
 * without a model. It takes the place of heparclassify in the pipeline. Frames pass through
 * otherwise unchanged.
 *
 * A frame gets the last result that was on a frame at its stream time or before. Record with
 * `heparpublish publish=frame` for the same panel on each frame; with
 * `publish=result` a result stays on the frames that follow its own, which may show it earlier or
 * longer than the session did. If the recording begins later than the results, add
 * the difference by `offset`.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=session.mkv ! decodebin ! videoconvert \
 *   ! heparreplay location=session.jsonl ! heparoverlay ! videoconvert ! autovideosink
 * ]| Shows a recorded session with its results.
 *
 * Since: 0.2
 */

#include "elements/gstheparreplay.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "elements/classification_meta.h"
#include "elements/error_message.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/recorded_results.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_replay_debug);
#define GST_CAT_DEFAULT gst_hepar_replay_debug

namespace {

// The properties.
struct Settings {
  std::string location, stream_id;
  gint run = -1;
  gint64 offset = 0;
  guint64 max_age = 5 * GST_SECOND;
};

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparReplayPrivate {
  std::mutex mutex;  // Guards settings.
  Settings settings;

  // The streaming thread's own, from start to stop.
  hepar::RecordedResults results;
  guint64 frames = 0, replayed = 0;
};

struct _GstHeparReplay {
  GstBaseTransform parent;
  GstHeparReplayPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparReplay, gst_hepar_replay, GST_TYPE_BASE_TRANSFORM,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_replay_debug, "heparreplay", 0,
                                                "Recorded results"))
GST_ELEMENT_REGISTER_DEFINE(heparreplay, "heparreplay", GST_RANK_NONE, GST_TYPE_HEPAR_REPLAY)

enum { PROP_LOCATION = 1, PROP_STREAM_ID, PROP_RUN, PROP_OFFSET, PROP_MAX_AGE };

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));

static Settings gst_hepar_replay_get_settings(GstHeparReplay* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_replay_set_property(GObject* object, guint id, const GValue* value,
                                          GParamSpec* pspec) noexcept {
  GstHeparReplayPrivate* priv = GST_HEPAR_REPLAY(object)->priv;
  const auto text = [value] {
    const char* string = g_value_get_string(value);
    return std::string(string == nullptr ? "" : string);
  };
  std::lock_guard<std::mutex> lock(priv->mutex);
  switch (id) {
    case PROP_LOCATION:
      priv->settings.location = text();
      break;
    case PROP_STREAM_ID:
      priv->settings.stream_id = text();
      break;
    case PROP_RUN:
      priv->settings.run = g_value_get_int(value);
      break;
    case PROP_OFFSET:
      priv->settings.offset = g_value_get_int64(value);
      break;
    case PROP_MAX_AGE:
      priv->settings.max_age = g_value_get_uint64(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_replay_get_property(GObject* object, guint id, GValue* value,
                                          GParamSpec* pspec) noexcept {
  const Settings settings = gst_hepar_replay_get_settings(GST_HEPAR_REPLAY(object));
  const auto set_text = [value](const std::string& text) {
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
  };
  switch (id) {
    case PROP_LOCATION:
      set_text(settings.location);
      break;
    case PROP_STREAM_ID:
      set_text(settings.stream_id);
      break;
    case PROP_RUN:
      g_value_set_int(value, settings.run);
      break;
    case PROP_OFFSET:
      g_value_set_int64(value, settings.offset);
      break;
    case PROP_MAX_AGE:
      g_value_set_uint64(value, settings.max_age);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static gboolean gst_hepar_replay_start(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_REPLAY(base);
  try {
    const Settings settings = gst_hepar_replay_get_settings(self);
    if (settings.location.empty()) {
      throw hepar::Error(hepar::ErrorKind::kInvalid,
                         "no location; name the file that heparpublish wrote");
    }
    self->priv->results =
        hepar::RecordedResults(settings.location, {settings.stream_id, settings.run});
    self->priv->frames = self->priv->replayed = 0;
    if (self->priv->results.cut_off()) {
      hepar::PostWarning(
          GST_ELEMENT(self),
          hepar::Error(hepar::ErrorKind::kDamaged,
                       settings.location + ": the last line is incomplete, and left out; the "
                                           "recording was not ended properly"));
    }
    GST_INFO_OBJECT(self, "%" G_GSIZE_FORMAT " results", self->priv->results.size());
    return TRUE;
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return FALSE;
  }
}

// A result for no frame at all most likely means another recording, or another start of time.
static void gst_hepar_replay_check_use(GstHeparReplay* self) {
  GstHeparReplayPrivate* priv = self->priv;
  if (priv->frames == 0 || priv->replayed > 0) return;
  const auto seconds = [](GstClockTime time) {
    return std::to_string(static_cast<double>(time) / GST_SECOND) + " s";
  };
  hepar::PostWarning(
      GST_ELEMENT(self),
      hepar::Error(hepar::ErrorKind::kMismatch,
                   "none of " + std::to_string(priv->frames) +
                       " frames had a result: those of the file are of stream times " +
                       seconds(priv->results.first()) + " to " + seconds(priv->results.last()) +
                       "; give the recording's own file, or the difference as offset"));
}

static gboolean gst_hepar_replay_stop(GstBaseTransform* base) noexcept {
  GST_HEPAR_REPLAY(base)->priv->results = {};
  return TRUE;
}

static gboolean gst_hepar_replay_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  try {
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) gst_hepar_replay_check_use(GST_HEPAR_REPLAY(base));
  } catch (...) {
    hepar::PostWarning(GST_ELEMENT(base), hepar::CurrentError());
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_replay_parent_class)->sink_event(base, event);
}

// The buffer's time on the clock of the results; none if it has none, or lies before them.
static std::optional<GstClockTime> gst_hepar_replay_time(GstHeparReplay* self,
                                                         const GstBuffer* buffer, gint64 offset) {
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  if (segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(pts)) return std::nullopt;
  const guint64 time = gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, pts);
  if (!GST_CLOCK_TIME_IS_VALID(time) || time > G_MAXINT64 / 2) return std::nullopt;
  const gint64 shifted = static_cast<gint64>(time) + offset;
  if (shifted < 0) return std::nullopt;
  return static_cast<GstClockTime>(shifted);
}

static void gst_hepar_replay_attach(GstHeparReplay* self, GstBuffer* buffer) {
  GstHeparReplayPrivate* priv = self->priv;
  const Settings settings = gst_hepar_replay_get_settings(self);
  ++priv->frames;
  const auto time = gst_hepar_replay_time(self, buffer, settings.offset);
  const hepar::RecordedResult* result = time ? priv->results.At(*time) : nullptr;
  if (result == nullptr) return;
  const GstClockTime later = *time > result->frame_time ? *time - result->frame_time : 0;
  if (settings.max_age > 0 && later > settings.max_age) return;
  GstHeparSeverity severity = result->severity;
  if (later > hepar::RecordedResults::kRounding) {  // A frame after that of the line.
    severity.fresh = false;
    severity.age = *time - result->graded_time;
  }
  gst_buffer_set_hepar_severity(buffer, severity);
  hepar::AddClassification(buffer, severity);
  ++priv->replayed;
}

static GstFlowReturn gst_hepar_replay_transform_ip(GstBaseTransform* base,
                                                   GstBuffer* buffer) noexcept {
  try {
    gst_hepar_replay_attach(GST_HEPAR_REPLAY(base), buffer);
    return GST_FLOW_OK;
  } catch (...) {
    hepar::PostError(GST_ELEMENT(base), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }
}

static void gst_hepar_replay_finalize(GObject* object) noexcept {
  delete GST_HEPAR_REPLAY(object)->priv;
  G_OBJECT_CLASS(gst_hepar_replay_parent_class)->finalize(object);
}

static void gst_hepar_replay_init(GstHeparReplay* self) {
  self->priv = new GstHeparReplayPrivate;
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_hepar_replay_class_init(GstHeparReplayClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  constexpr auto kReady = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                     GST_PARAM_MUTABLE_PLAYING);
  const Settings defaults;

  object_class->set_property = gst_hepar_replay_set_property;
  object_class->get_property = gst_hepar_replay_get_property;
  object_class->finalize = gst_hepar_replay_finalize;

  /**
   * GstHeparReplay:location:
   *
   * The file that heparpublish wrote while the session was recorded.
   *
   * Since: 0.2
   */
  g_object_class_install_property(
      object_class, PROP_LOCATION,
      g_param_spec_string("location", "Location", "File of results, as heparpublish writes it",
                          nullptr, kReady));
  /**
   * GstHeparReplay:stream-id:
   *
   * Takes only the results of this stream, for a file with those of several; any if unset.
   *
   * Since: 0.2
   */
  g_object_class_install_property(
      object_class, PROP_STREAM_ID,
      g_param_spec_string("stream-id", "Stream ID", "Take only the results of this stream", nullptr,
                          kReady));
  /**
   * GstHeparReplay:run:
   *
   * Which run of heparpublish is taken from a file that several appended to: 0 the first, -1 the
   * last.
   *
   * Since: 0.2
   */
  g_object_class_install_property(
      object_class, PROP_RUN,
      g_param_spec_int("run", "Run",
                       "Which run of a file that holds several: 0 the first, -1 the last", G_MININT,
                       G_MAXINT, defaults.run, kReady));
  /**
   * GstHeparReplay:offset:
   *
   * Added to the time of each frame, in nanoseconds, before its result is looked for: the time of
   * the session at which the recording begins.
   *
   * Since: 0.2
   */
  g_object_class_install_property(
      object_class, PROP_OFFSET,
      g_param_spec_int64("offset", "Offset",
                         "Time of the session at which the recording begins (ns)", G_MININT64 / 4,
                         G_MAXINT64 / 4, defaults.offset, kPlaying));
  /**
   * GstHeparReplay:max-age:
   *
   * How long a result stays on the frames after its own, in nanoseconds; 0 for ever, as a file of
   * `publish=change` needs it.
   *
   * Since: 0.2
   */
  g_object_class_install_property(
      object_class, PROP_MAX_AGE,
      g_param_spec_uint64("max-age", "Maximum age",
                          "How long a result stays on the frames after its own (ns, 0: for ever)",
                          0, G_MAXINT64, defaults.max_age, kPlaying));

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Liver severity replay", "Filter/Video",
      "Puts recorded severities of fatty liver back on the frames", "The gst-hepar Authors");

  transform_class->start = GST_DEBUG_FUNCPTR(gst_hepar_replay_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_replay_stop);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_hepar_replay_sink_event);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_hepar_replay_transform_ip);
}
