// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparpublish
 * @title: heparpublish
 * @short_description: Sends results to a file, a socket or an MQTT broker
 * @see_also: heparclassify
 *
 * Writes each result of heparclassify as one line of JSON to a file, to standard output, to a Unix
 * socket or to an MQTT broker. The stream passes through unchanged, whatever its type.
 *
 * A thread of its own sends the lines, so that no buffer ever waits for a disk, a reader or a
 * broker, and none of them ends the pipeline. While the other side is away, lines wait in a queue
 * of `queue-size`; when it is full, the oldest are dropped and counted. `stats` has the counts.
 * Place the element where the metadata still is on the buffers: upstream of an encoder.
 *
 * The element message `hepar-publish` says that the other side was reached (`connected`) or lost,
 * and has the fields of `stats`; it is also posted at the end. A loss, and results that could not
 * be sent at the end, also post a warning.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc is-live=true ! heparclassify model=liver.hepar \
 *   ! heparpublish location=mqtt://broker.local/room3/liver ! fakesink
 * ]| Publishes each result under room3/liver/result.
 *
 * Since: 0.1
 */

#include "elements/gstheparpublish.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "elements/error_message.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/publish/publisher.h"
#include "elements/result_news.h"
#include "elements/severity_json.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_publish_debug);
#define GST_CAT_DEFAULT gst_hepar_publish_debug

namespace {

enum class Occasion { kResult, kChange, kFrame };

// The properties.
struct Settings {
  Settings() { outlet.location = "stdout:"; }

  hepar::OutletOptions outlet;
  Occasion occasion = Occasion::kResult;
  std::string stream_id;
  guint queue_size = 1000;
  guint drain_ms = 2000;
};

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparPublishPrivate {
  std::mutex mutex;  // Guards settings and the pointer to the publisher.
  Settings settings;
  std::shared_ptr<hepar::Publisher> publisher;  // From start to the next start.

  // The streaming thread's own.
  hepar::ResultNews news;
  guint64 sequence = 0;
};

struct _GstHeparPublish {
  GstBaseTransform parent;
  GstHeparPublishPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparPublish, gst_hepar_publish, GST_TYPE_BASE_TRANSFORM,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_publish_debug, "heparpublish", 0,
                                                "Results to files, sockets and brokers"))
GST_ELEMENT_REGISTER_DEFINE(heparpublish, "heparpublish", GST_RANK_NONE, GST_TYPE_HEPAR_PUBLISH)

enum {
  PROP_LOCATION = 1,
  PROP_PUBLISH,
  PROP_STREAM_ID,
  PROP_QUEUE_SIZE,
  PROP_DRAIN_TIMEOUT,
  PROP_ROTATE_SIZE,
  PROP_ROTATE_FILES,
  PROP_QOS,
  PROP_CLIENT_ID,
  PROP_PASSWORD_FILE,
  PROP_CA_FILE,
  PROP_CERT_FILE,
  PROP_KEY_FILE,
  PROP_STATS
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static GType gst_hepar_publish_occasion_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(Occasion::kResult), "Each graded frame", "result"},
      {static_cast<gint>(Occasion::kChange), "Each change of grade or state", "change"},
      {static_cast<gint>(Occasion::kFrame), "Each frame with a result", "frame"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparPublishOccasion", kValues);
  return type;
}

static Settings gst_hepar_publish_get_settings(GstHeparPublish* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static std::shared_ptr<hepar::Publisher> gst_hepar_publish_get_publisher(GstHeparPublish* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->publisher;
}

// The text property `id`; null for a property of another type.
static std::string* gst_hepar_publish_text(Settings* settings, guint id) {
  switch (id) {
    case PROP_LOCATION:
      return &settings->outlet.location;
    case PROP_STREAM_ID:
      return &settings->stream_id;
    case PROP_CLIENT_ID:
      return &settings->outlet.client_id;
    case PROP_PASSWORD_FILE:
      return &settings->outlet.password_file;
    case PROP_CA_FILE:
      return &settings->outlet.ca_file;
    case PROP_CERT_FILE:
      return &settings->outlet.cert_file;
    case PROP_KEY_FILE:
      return &settings->outlet.key_file;
    default:
      return nullptr;
  }
}

static void gst_hepar_publish_set_property(GObject* object, guint id, const GValue* value,
                                           GParamSpec* pspec) noexcept {
  GstHeparPublishPrivate* priv = GST_HEPAR_PUBLISH(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;
  if (std::string* text = gst_hepar_publish_text(&settings, id)) {
    const char* string = g_value_get_string(value);
    *text = string == nullptr ? "" : string;
    return;
  }
  switch (id) {
    case PROP_PUBLISH:
      settings.occasion = static_cast<Occasion>(g_value_get_enum(value));
      break;
    case PROP_QUEUE_SIZE:
      settings.queue_size = g_value_get_uint(value);
      break;
    case PROP_DRAIN_TIMEOUT:
      settings.drain_ms = g_value_get_uint(value);
      break;
    case PROP_ROTATE_SIZE:
      settings.outlet.rotate_bytes = g_value_get_uint64(value);
      break;
    case PROP_ROTATE_FILES:
      settings.outlet.rotate_files = g_value_get_int(value);
      break;
    case PROP_QOS:
      settings.outlet.qos = g_value_get_int(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static GstStructure* gst_hepar_publish_stats(const hepar::PublishCounts& counts) {
  return gst_structure_new("hepar-publish", "connected", G_TYPE_BOOLEAN, counts.connected, "lines",
                           G_TYPE_UINT64, counts.lines, "published", G_TYPE_UINT64,
                           counts.published, "dropped", G_TYPE_UINT64, counts.dropped, "waiting",
                           G_TYPE_UINT64, counts.waiting, "outages", G_TYPE_UINT64, counts.outages,
                           nullptr);
}

static void gst_hepar_publish_get_property(GObject* object, guint id, GValue* value,
                                           GParamSpec* pspec) noexcept {
  auto* self = GST_HEPAR_PUBLISH(object);
  if (id == PROP_STATS) {
    const auto publisher = gst_hepar_publish_get_publisher(self);
    g_value_take_boxed(value, publisher ? gst_hepar_publish_stats(publisher->counts()) : nullptr);
    return;
  }
  Settings settings = gst_hepar_publish_get_settings(self);
  if (const std::string* text = gst_hepar_publish_text(&settings, id)) {
    g_value_set_string(value, text->empty() ? nullptr : text->c_str());
    return;
  }
  switch (id) {
    case PROP_PUBLISH:
      g_value_set_enum(value, static_cast<gint>(settings.occasion));
      break;
    case PROP_QUEUE_SIZE:
      g_value_set_uint(value, settings.queue_size);
      break;
    case PROP_DRAIN_TIMEOUT:
      g_value_set_uint(value, settings.drain_ms);
      break;
    case PROP_ROTATE_SIZE:
      g_value_set_uint64(value, settings.outlet.rotate_bytes);
      break;
    case PROP_ROTATE_FILES:
      g_value_set_int(value, settings.outlet.rotate_files);
      break;
    case PROP_QOS:
      g_value_set_int(value, settings.outlet.qos);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_publish_post(GstHeparPublish* self, const hepar::PublishCounts& counts) {
  gst_element_post_message(
      GST_ELEMENT(self),
      gst_message_new_element(GST_OBJECT(self), gst_hepar_publish_stats(counts)));
}

// The publisher's thread: the other side was reached, or lost.
static void gst_hepar_publish_changed(GstHeparPublish* self, const std::string* failure) noexcept {
  try {
    if (failure == nullptr) {
      GST_INFO_OBJECT(self, "results are on their way");
    } else {
      const hepar::Error error(hepar::ErrorKind::kUnreadable, *failure);
      hepar::PostWarning(GST_ELEMENT(self),
                         hepar::ReportedError(error).With("results wait in the queue meanwhile"));
    }
    const auto publisher = gst_hepar_publish_get_publisher(self);
    if (publisher) gst_hepar_publish_post(self, publisher->counts());
  } catch (...) {
    hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
  }
}

static gboolean gst_hepar_publish_start(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_PUBLISH(base);
  GstHeparPublishPrivate* priv = self->priv;
  try {
    const Settings settings = gst_hepar_publish_get_settings(self);
    priv->news.Reset();
    priv->sequence = 0;
    hepar::PublisherOptions options;
    options.queue = settings.queue_size;
    options.drain = std::chrono::milliseconds(settings.drain_ms);
    options.changed = [self](const std::string* failure) {
      gst_hepar_publish_changed(self, failure);
    };
    auto outlet = hepar::MakeOutlet(settings.outlet);
    // The thread that starts here asks for the pointer, so it waits until the pointer is there.
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->publisher = std::make_shared<hepar::Publisher>(std::move(outlet), std::move(options));
    return TRUE;
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return FALSE;
  }
}

static gboolean gst_hepar_publish_stop(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_PUBLISH(base);
  const auto publisher = gst_hepar_publish_get_publisher(self);
  if (!publisher) return TRUE;
  publisher->Stop();
  const hepar::PublishCounts counts = publisher->counts();
  gst_hepar_publish_post(self, counts);
  if (counts.waiting > 0) {
    const hepar::Error error(hepar::ErrorKind::kUnreadable,
                             std::to_string(counts.waiting) +
                                 " results could not be published before the end; raise "
                                 "drain-timeout if the other side is only slow");
    hepar::PostWarning(GST_ELEMENT(self), error);
  }
  return TRUE;
}

static std::optional<GstClockTime> Known(guint64 time) {
  return GST_CLOCK_TIME_IS_VALID(time) ? std::optional<GstClockTime>(time) : std::nullopt;
}

static std::string gst_hepar_publish_wall_clock() {
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree gchar* text = g_date_time_format_iso8601(now);
  return text;
}

static void gst_hepar_publish_severity(GstHeparPublish* self, const GstHeparSeverity& severity,
                                       GstBuffer* buffer) {
  GstHeparPublishPrivate* priv = self->priv;
  const Settings settings = gst_hepar_publish_get_settings(self);
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;

  hepar::ResultContext context;
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  if (segment.format == GST_FORMAT_TIME && GST_CLOCK_TIME_IS_VALID(pts)) {
    context.stream_time = Known(gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, pts));
    context.running_time = Known(gst_segment_to_running_time(&segment, GST_FORMAT_TIME, pts));
  }
  if (context.stream_time) {
    GstClockTime& time = *context.stream_time;
    time = segment.rate < 0.0 ? time + severity.age : time - std::min(time, severity.age);
  }

  const bool is_new = priv->news.IsNew(severity, context.stream_time);
  const bool is_change = priv->news.IsChange(severity);
  const bool wanted = settings.occasion == Occasion::kFrame ||
                      (settings.occasion == Occasion::kResult ? is_new : is_change);
  if (!wanted) return;

  context.sequence = priv->sequence++;
  context.time = gst_hepar_publish_wall_clock();
  context.stream = settings.stream_id;
  const auto publisher = gst_hepar_publish_get_publisher(self);
  if (!publisher) return;
  publisher->Publish({hepar::SeverityJson(severity, context),
                      severity.label + "\n" + std::to_string(static_cast<int>(severity.state))});
}

static GstFlowReturn gst_hepar_publish_transform_ip(GstBaseTransform* base,
                                                    GstBuffer* buffer) noexcept {
  try {
    GstHeparSeverity severity;
    if (gst_buffer_get_hepar_severity(buffer, &severity)) {
      gst_hepar_publish_severity(GST_HEPAR_PUBLISH(base), severity, buffer);
    }
  } catch (...) {
    hepar::PostWarning(GST_ELEMENT(base), hepar::CurrentError());
  }
  return GST_FLOW_OK;
}

static void gst_hepar_publish_finalize(GObject* object) noexcept {
  delete GST_HEPAR_PUBLISH(object)->priv;
  G_OBJECT_CLASS(gst_hepar_publish_parent_class)->finalize(object);
}

static void gst_hepar_publish_init(GstHeparPublish* self) {
  self->priv = new GstHeparPublishPrivate;
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_hepar_publish_class_init(GstHeparPublishClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  constexpr auto kReady = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                     GST_PARAM_MUTABLE_PLAYING);
  const Settings defaults;

  object_class->set_property = gst_hepar_publish_set_property;
  object_class->get_property = gst_hepar_publish_get_property;
  object_class->finalize = gst_hepar_publish_finalize;

  /**
   * GstHeparPublish:location:
   *
   * Where the lines go: `stdout:`, `file:PATH`, `unix:PATH` (a stream socket that another program
   * listens on), `mqtt://[USER@]HOST[:PORT][/TOPIC]`, or the same with `mqtts://` for TLS.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_LOCATION,
      g_param_spec_string("location", "Location",
                          "Where results go: stdout:, file:PATH, unix:PATH, "
                          "mqtt://[USER@]HOST[:PORT][/TOPIC] or mqtts://...",
                          defaults.outlet.location.c_str(), kReady));
  /**
   * GstHeparPublish:publish:
   *
   * Which frames make a line.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_PUBLISH,
      g_param_spec_enum("publish", "Publish", "Which frames make a line",
                        gst_hepar_publish_occasion_get_type(), static_cast<gint>(defaults.occasion),
                        kPlaying));
  /**
   * GstHeparPublish:stream-id:
   *
   * A name for the stream, which each line carries as `stream`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_STREAM_ID,
      g_param_spec_string("stream-id", "Stream ID", "Name of the stream in each line", nullptr,
                          kPlaying));
  /**
   * GstHeparPublish:queue-size:
   *
   * How many lines wait while the other side is away or slow. When the queue is full, the oldest
   * are dropped.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_QUEUE_SIZE,
      g_param_spec_uint("queue-size", "Queue size",
                        "How many lines wait at most; then the oldest are dropped", 1, 1000000,
                        defaults.queue_size, kReady));
  /**
   * GstHeparPublish:drain-timeout:
   *
   * How long the end of the pipeline waits for lines that are left, in milliseconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_DRAIN_TIMEOUT,
      g_param_spec_uint("drain-timeout", "Drain timeout",
                        "How long the end waits for lines that are left (ms)", 0, 600000,
                        defaults.drain_ms, kReady));
  /**
   * GstHeparPublish:rotate-size:
   *
   * File: a new one is begun before one grows beyond this many bytes; 0: never.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_ROTATE_SIZE,
      g_param_spec_uint64("rotate-size", "Rotate size",
                          "File: begin a new one beyond this many bytes (0: never)", 0, G_MAXUINT64,
                          defaults.outlet.rotate_bytes, kReady));
  /**
   * GstHeparPublish:rotate-files:
   *
   * File: how many old ones are kept, as PATH.1 (the newest), PATH.2 and so on.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_ROTATE_FILES,
      g_param_spec_int("rotate-files", "Rotate files", "File: how many old ones are kept", 0, 1000,
                       defaults.outlet.rotate_files, kReady));
  /**
   * GstHeparPublish:qos:
   *
   * MQTT: the quality of service: 1, at least once, or 2, exactly once.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_QOS,
      g_param_spec_int("qos", "Quality of service", "MQTT: 1 at least once, 2 exactly once", 1, 2,
                       defaults.outlet.qos, kReady));
  /**
   * GstHeparPublish:client-id:
   *
   * MQTT: the identifier of this client; a random one if unset. A broker ends the connection of a
   * client when another one with the same identifier connects.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_CLIENT_ID,
      g_param_spec_string("client-id", "Client ID",
                          "MQTT: identifier of this client; random if unset", nullptr, kReady));
  /**
   * GstHeparPublish:password-file:
   *
   * MQTT: a file whose first line is the password of the user in `location`. Other users of the
   * machine could see a password on the command line.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_PASSWORD_FILE,
      g_param_spec_string("password-file", "Password file",
                          "MQTT: file whose first line is the password", nullptr, kReady));
  /**
   * GstHeparPublish:ca-file:
   *
   * MQTT over TLS: the certificates (PEM) that the broker's is checked with; those of the system if
   * unset.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_CA_FILE,
      g_param_spec_string("ca-file", "CA file",
                          "MQTT over TLS: certificates (PEM) to check the broker's with", nullptr,
                          kReady));
  /**
   * GstHeparPublish:cert-file:
   *
   * MQTT over TLS: the certificate (PEM) of this client, with `key-file`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_CERT_FILE,
      g_param_spec_string("cert-file", "Certificate file",
                          "MQTT over TLS: certificate (PEM) of this client", nullptr, kReady));
  /**
   * GstHeparPublish:key-file:
   *
   * MQTT over TLS: the private key (PEM) of this client, with `cert-file`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_KEY_FILE,
      g_param_spec_string("key-file", "Key file", "MQTT over TLS: private key (PEM) of this client",
                          nullptr, kReady));
  /**
   * GstHeparPublish:stats:
   *
   * `connected` (boolean), and as uint64: `lines` that were made, `published`, `dropped` from the
   * full queue, `waiting` in the queue or for an acknowledgment, and `outages`. `lines` is the sum
   * of the three after it. Null before the first start.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_STATS,
      g_param_spec_boxed("stats", "Statistics", "Counts of lines", GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Liver severity publisher",
                                        "Generic/Network",
                                        "Sends the severity of fatty liver as lines of JSON to a "
                                        "file, a socket or an MQTT broker",
                                        "The gst-hepar Authors");

  transform_class->start = GST_DEBUG_FUNCPTR(gst_hepar_publish_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_publish_stop);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_hepar_publish_transform_ip);
  transform_class->transform_ip_on_passthrough = TRUE;

  gst_type_mark_as_plugin_api(gst_hepar_publish_occasion_get_type(),
                              static_cast<GstPluginAPIFlags>(0));
}
