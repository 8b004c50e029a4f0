// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparsimsrc
 * @title: heparsimsrc
 * @short_description: Generates simulated ultrasound video of a liver
 * @see_also: videotestsrc
 *
 * Generates gray B-mode video of a right liver lobe with kidney and diaphragm, as a curved probe
 * shows it, for demonstrations and tests without a scanner. #GstHeparSimSrc:severity sets the grade
 * of steatosis, which determines the look of the liver, its vessels and the diaphragm.
 * #GstHeparSimSrc:seed selects the patient. Severity, gain and depth may change while playing.
 *
 * Equal settings and caps give equal pictures.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc severity=moderate seed=7 is-live=true ! videoconvert ! autovideosink
 * ]| Shows a patient with moderate steatosis.
 *
 * Since: 0.1
 */

#include "elements/gstheparsimsrc.h"

#include <gst/video/video.h>

#include <exception>
#include <memory>
#include <mutex>
#include <opencv2/core.hpp>
#include <optional>

#include "elements/frame_source.h"
#include "elements/frame_timeline.h"
#include "elements/video_view.h"
#include "models/simulator/scan_simulator.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_sim_src_debug);
#define GST_CAT_DEFAULT gst_hepar_sim_src_debug

namespace {

// The properties.
struct Settings {
  int severity = 0;
  guint64 seed = 1;
  double gain_db = 0.0;
  double depth_cm = 16.0;

  bool SamePicture(const Settings& other) const {
    return severity == other.severity && gain_db == other.gain_db && depth_cm == other.depth_cm;
  }
};

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparSimSrcPrivate {
  std::mutex mutex;  // Guards settings and latency, which any thread may read at any time.
  Settings settings;
  GstClockTime latency = GST_CLOCK_TIME_NONE;  // Known from caps on, unless a still.

  // From caps to stop(); only the streaming thread and state changes touch them.
  GstVideoInfo info = {};
  std::unique_ptr<hepar::ScanSimulator> simulator;
  Settings simulated;  // The settings that the simulator has.

  hepar::FrameTimeline timeline;
};

struct _GstHeparSimSrc {
  GstPushSrc parent;
  GstHeparSimSrcPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparSimSrc, gst_hepar_sim_src, GST_TYPE_PUSH_SRC,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_sim_src_debug, "heparsimsrc", 0,
                                                "Simulated liver ultrasound"))
GST_ELEMENT_REGISTER_DEFINE(heparsimsrc, "heparsimsrc", GST_RANK_NONE, GST_TYPE_HEPAR_SIM_SRC)

enum { PROP_SEVERITY = 1, PROP_SEED, PROP_IS_LIVE, PROP_GAIN, PROP_DEPTH };

#define GST_TYPE_HEPAR_SIM_SRC_SEVERITY (gst_hepar_sim_src_severity_get_type())

/**
 * GstHeparSimSrcSeverity:
 * @normal: no steatosis
 * @mild: mild steatosis
 * @moderate: moderate steatosis
 * @severe: severe steatosis
 *
 * The grade of steatosis of the simulated liver.
 *
 * Since: 0.1
 */
static GType gst_hepar_sim_src_severity_get_type() {
  static const GEnumValue values[] = {{0, "No steatosis", "normal"},
                                      {1, "Mild steatosis", "mild"},
                                      {2, "Moderate steatosis", "moderate"},
                                      {3, "Severe steatosis", "severe"},
                                      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparSimSrcSeverity", values);
  return type;
}

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("video/x-raw, format=(string)GRAY8, width=(int)[64, 4096], "
                    "height=(int)[64, 4096], framerate=" GST_VIDEO_FPS_RANGE));

static Settings gst_hepar_sim_src_get_settings(GstHeparSimSrc* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_sim_src_set_property(GObject* object, guint id, const GValue* value,
                                           GParamSpec* pspec) noexcept {
  GstHeparSimSrcPrivate* priv = GST_HEPAR_SIM_SRC(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;

  switch (id) {
    case PROP_SEVERITY:
      settings.severity = g_value_get_enum(value);
      break;
    case PROP_SEED:
      settings.seed = g_value_get_uint64(value);
      break;
    case PROP_IS_LIVE:
      gst_base_src_set_live(GST_BASE_SRC(object), g_value_get_boolean(value));
      break;
    case PROP_GAIN:
      settings.gain_db = g_value_get_double(value);
      break;
    case PROP_DEPTH:
      settings.depth_cm = g_value_get_double(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_sim_src_get_property(GObject* object, guint id, GValue* value,
                                           GParamSpec* pspec) noexcept {
  const Settings settings = gst_hepar_sim_src_get_settings(GST_HEPAR_SIM_SRC(object));

  switch (id) {
    case PROP_SEVERITY:
      g_value_set_enum(value, settings.severity);
      break;
    case PROP_SEED:
      g_value_set_uint64(value, settings.seed);
      break;
    case PROP_IS_LIVE:
      g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(object)));
      break;
    case PROP_GAIN:
      g_value_set_double(value, settings.gain_db);
      break;
    case PROP_DEPTH:
      g_value_set_double(value, settings.depth_cm);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static gboolean gst_hepar_sim_src_start(GstBaseSrc* base) noexcept {
  GstHeparSimSrcPrivate* priv = GST_HEPAR_SIM_SRC(base)->priv;
  gst_video_info_init(&priv->info);
  priv->timeline = hepar::FrameTimeline();
  return TRUE;
}

static gboolean gst_hepar_sim_src_stop(GstBaseSrc* base) noexcept {
  GstHeparSimSrcPrivate* priv = GST_HEPAR_SIM_SRC(base)->priv;
  priv->simulator.reset();
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->latency = GST_CLOCK_TIME_NONE;
  return TRUE;
}

static GstCaps* gst_hepar_sim_src_fixate(GstBaseSrc* base, GstCaps* caps) noexcept {
  caps = gst_caps_make_writable(caps);
  GstStructure* structure = gst_caps_get_structure(caps, 0);
  gst_structure_fixate_field_nearest_int(structure, "width", 640);
  gst_structure_fixate_field_nearest_int(structure, "height", 480);
  gst_structure_fixate_field_nearest_fraction(structure, "framerate", 30, 1);
  if (gst_structure_has_field(structure, "pixel-aspect-ratio")) {
    gst_structure_fixate_field_nearest_fraction(structure, "pixel-aspect-ratio", 1, 1);
  }
  return GST_BASE_SRC_CLASS(gst_hepar_sim_src_parent_class)->fixate(base, caps);
}

static gboolean gst_hepar_sim_src_set_caps(GstBaseSrc* base, GstCaps* caps) noexcept {
  auto* self = GST_HEPAR_SIM_SRC(base);
  GstHeparSimSrcPrivate* priv = self->priv;

  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps)) {
    GST_ERROR_OBJECT(self, "not video caps: %" GST_PTR_FORMAT, static_cast<void*>(caps));
    return FALSE;
  }

  const Settings settings = gst_hepar_sim_src_get_settings(self);
  if (!priv->simulator || GST_VIDEO_INFO_WIDTH(&info) != GST_VIDEO_INFO_WIDTH(&priv->info) ||
      GST_VIDEO_INFO_HEIGHT(&info) != GST_VIDEO_INFO_HEIGHT(&priv->info)) {
    try {
      hepar::SimulatedScan scan;
      scan.grade = settings.severity;
      scan.seed = settings.seed;
      scan.gain_db = settings.gain_db;
      scan.depth_cm = settings.depth_cm;
      scan.width = GST_VIDEO_INFO_WIDTH(&info);
      scan.height = GST_VIDEO_INFO_HEIGHT(&info);
      priv->simulator = std::make_unique<hepar::ScanSimulator>(scan);
      priv->simulated = settings;
    } catch (const std::exception& error) {
      GST_ELEMENT_ERROR(self, LIBRARY, SETTINGS, ("Could not set up the simulated scanner."),
                        ("%s", error.what()));
      return FALSE;
    }
  }

  priv->timeline.SetRate(GST_VIDEO_INFO_FPS_N(&info), GST_VIDEO_INFO_FPS_D(&info));
  priv->info = info;
  {
    // As with a scanner, a frame is complete one frame time after its beginning.
    std::lock_guard<std::mutex> lock(priv->mutex);
    const auto duration = priv->timeline.frame_duration();
    priv->latency = duration.value_or(GST_CLOCK_TIME_NONE);
  }
  GST_INFO_OBJECT(self, "patient %" G_GUINT64_FORMAT ", %" GST_PTR_FORMAT, settings.seed,
                  static_cast<void*>(caps));

  if (gst_base_src_is_live(base)) {
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  }
  return TRUE;
}

static gboolean gst_hepar_sim_src_do_seek(GstBaseSrc* base, GstSegment* segment) noexcept {
  GstHeparSimSrcPrivate* priv = GST_HEPAR_SIM_SRC(base)->priv;
  segment->time = segment->position = priv->timeline.Seek(segment->position);
  return TRUE;
}

static gboolean gst_hepar_sim_src_query(GstBaseSrc* base, GstQuery* query) noexcept {
  GstHeparSimSrcPrivate* priv = GST_HEPAR_SIM_SRC(base)->priv;

  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY: {
      std::lock_guard<std::mutex> lock(priv->mutex);
      if (!GST_CLOCK_TIME_IS_VALID(priv->latency)) return FALSE;
      gst_query_set_latency(query, gst_base_src_is_live(base), priv->latency, GST_CLOCK_TIME_NONE);
      return TRUE;
    }
    default:
      return GST_BASE_SRC_CLASS(gst_hepar_sim_src_parent_class)->query(base, query);
  }
}

static GstFlowReturn gst_hepar_sim_src_fill(GstPushSrc* push, GstBuffer* buffer) noexcept {
  auto* self = GST_HEPAR_SIM_SRC(push);
  GstHeparSimSrcPrivate* priv = self->priv;

  if (priv->timeline.ended()) return GST_FLOW_EOS;
  const GstClockTime pts = priv->timeline.now();
  const Settings settings = gst_hepar_sim_src_get_settings(self);

  std::optional<hepar::VideoMapping> mapping;
  try {
    mapping.emplace(buffer, priv->info, GST_MAP_WRITE);
  } catch (const std::exception& error) {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("Could not write to a video buffer."),
                      ("%s", error.what()));
    return GST_FLOW_ERROR;
  }
  try {
    if (!settings.SamePicture(priv->simulated)) {
      priv->simulator->Change(settings.severity, settings.gain_db, settings.depth_cm);
      priv->simulated = settings;
    }
    GstVideoFrame* frame = mapping->frame();
    cv::Mat out(GST_VIDEO_FRAME_HEIGHT(frame), GST_VIDEO_FRAME_WIDTH(frame), CV_8UC1,
                GST_VIDEO_FRAME_PLANE_DATA(frame, 0),
                static_cast<size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0)));
    priv->simulator->Render(static_cast<double>(pts) / GST_SECOND).copyTo(out);
  } catch (const std::exception& error) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("Could not simulate a frame."), ("%s", error.what()));
    return GST_FLOW_ERROR;
  }

  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(buffer) = priv->timeline.next_duration().value_or(GST_CLOCK_TIME_NONE);
  GST_BUFFER_OFFSET(buffer) = priv->timeline.frame();
  GST_BUFFER_OFFSET_END(buffer) = priv->timeline.frame() + 1;
  priv->timeline.Advance();
  return GST_FLOW_OK;
}

static void gst_hepar_sim_src_finalize(GObject* object) noexcept {
  delete GST_HEPAR_SIM_SRC(object)->priv;
  G_OBJECT_CLASS(gst_hepar_sim_src_parent_class)->finalize(object);
}

static void gst_hepar_sim_src_init(GstHeparSimSrc* self) {
  self->priv = new GstHeparSimSrcPrivate;
  gst_video_info_init(&self->priv->info);
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

static void gst_hepar_sim_src_class_init(GstHeparSimSrcClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* base_class = GST_BASE_SRC_CLASS(klass);
  auto* push_class = GST_PUSH_SRC_CLASS(klass);
  constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                     GST_PARAM_MUTABLE_PLAYING);
  constexpr auto kReady = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);

  object_class->set_property = gst_hepar_sim_src_set_property;
  object_class->get_property = gst_hepar_sim_src_get_property;
  object_class->finalize = gst_hepar_sim_src_finalize;

  /**
   * GstHeparSimSrc:severity:
   *
   * The grade of steatosis. The anatomy stays the same.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SEVERITY,
      g_param_spec_enum("severity", "Severity", "Grade of steatosis",
                        GST_TYPE_HEPAR_SIM_SRC_SEVERITY, Settings().severity, kPlaying));
  /**
   * GstHeparSimSrc:seed:
   *
   * The patient: anatomy, habitus, speckle, and the settings of the scanner. Equal seeds give equal
   * pictures.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SEED,
      g_param_spec_uint64("seed", "Seed", "Selects the patient; equal seeds give equal pictures", 0,
                          G_MAXUINT64, Settings().seed, kReady));
  /**
   * GstHeparSimSrc:is-live:
   *
   * Whether to produce frames at the pace of the clock, as a scanner does, or as fast as possible.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_IS_LIVE,
      g_param_spec_boolean("is-live", "Is live",
                           "Whether to produce frames at the pace of the clock", FALSE, kReady));
  /**
   * GstHeparSimSrc:gain:
   *
   * Overall gain in dB. The display shows 60 dB from black to white.
   *
   * Since: 0.1
   */
  g_object_class_install_property(object_class, PROP_GAIN,
                                  g_param_spec_double("gain", "Gain", "Overall gain (dB)", -20.0,
                                                      20.0, Settings().gain_db, kPlaying));
  /**
   * GstHeparSimSrc:depth:
   *
   * The depth of the picture below the probe, in cm.
   *
   * Since: 0.1
   */
  g_object_class_install_property(object_class, PROP_DEPTH,
                                  g_param_spec_double("depth", "Depth", "Depth of view (cm)", 8.0,
                                                      24.0, Settings().depth_cm, kPlaying));
  gst_type_mark_as_plugin_api(GST_TYPE_HEPAR_SIM_SRC_SEVERITY, static_cast<GstPluginAPIFlags>(0));

  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Simulated liver ultrasound", "Source/Video",
      "Generates simulated B-mode video of a liver with a selected grade of steatosis",
      "The gst-hepar Authors");

  hepar::InstallFrameSource(base_class);
  base_class->start = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_stop);
  base_class->fixate = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_fixate);
  base_class->set_caps = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_set_caps);
  base_class->do_seek = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_do_seek);
  base_class->query = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_query);
  push_class->fill = GST_DEBUG_FUNCPTR(gst_hepar_sim_src_fill);
}
