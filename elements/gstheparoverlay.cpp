// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparoverlay
 * @title: heparoverlay
 * @short_description: Draws the severity of fatty liver over the scan
 * @see_also: heparclassify, hepardecouple
 *
 * Draws the result of heparclassify into the picture: the grade, the probability of each grade, the
 * trend of the grade over the last 20 seconds, the trust in it, the inference time, and the age of
 * a result that was carried over from an earlier frame. A frame without a result shows "Waiting", a
 * frame that could not be graded "Uncertain", and an out-of-distribution view "Not a liver view",
 * without probabilities. The grade of a scan of an unfamiliar scanner or setting has a question
 * mark and a line that says so; without a grade the panel shows "Unfamiliar". "Research use only"
 * is always shown. If no frame carries a result, a warning says so once per stream.
 *
 * The feature maps and the reconstruction of the decouplers can be shown beside or over the scan,
 * and a saliency map over it: where the grade came from. The overlay never starts an inference. It
 * shows the views of the newest frame that has them, for at most one second.
 *
 * By default the panel takes a place where it covers neither the scan nor text of the scanner. With
 * #GstHeparOverlay:layout `beside` frames get wider by a strip for the panel, and it covers
 * nothing. Text and panel scale with the frame; a small frame gets a compact panel with the grade
 * alone. Frames are changed in place, in their own format and colorimetry. Metadata stay on the
 * buffer, and late frames are drawn, not dropped. Put the overlay downstream of the elements that
 * prepare and grade: a panel in the picture changes the grade.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc ! heparclassify model=liver.hepar ! heparoverlay view=all \
 *   ! videoconvert ! autovideosink
 * ]| Shows a simulated scan with its severity and all views beside it.
 *
 * Since: 0.1
 */

#include "elements/gstheparoverlay.h"

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "elements/error_message.h"
#include "elements/gstheparframemeta.h"
#include "elements/gstheparoverlaymeta.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/overlay/beside.h"
#include "elements/overlay/stream_overlay.h"
#include "elements/result_watch.h"
#include "elements/saliency_query.h"
#include "elements/severity_panel.h"
#include "elements/stream_identity.h"
#include "elements/video_view.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_overlay_debug);
#define GST_CAT_DEFAULT gst_hepar_overlay_debug

using hepar::OverlayCorner;
using hepar::OverlayTheme;
using Settings = hepar::OverlaySettings;
using View = hepar::ViewChoice;

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparOverlayPrivate {
  std::mutex mutex;  // Guards the next two members, which any thread may set at any time.
  Settings settings;
  bool wants_beside = false;
  std::atomic<bool> is_beside{false};  // From start() to stop(); before, what is wanted.
  // The streaming thread's own: the base class changes caps and handles serialized events there,
  // and stops when that has ended.
  std::unique_ptr<hepar::StreamOverlay> overlay;  // Made at the first frame.
  std::unique_ptr<hepar::BesideCopier> copier;    // The same.
  hepar::StreamIdentity stream;
  hepar::ResultWatch watch;
};

struct _GstHeparOverlay {
  GstVideoFilter parent;
  GstHeparOverlayPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparOverlay, gst_hepar_overlay, GST_TYPE_VIDEO_FILTER,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_overlay_debug, "heparoverlay", 0,
                                                "Severity overlay"))
GST_ELEMENT_REGISTER_DEFINE(heparoverlay, "heparoverlay", GST_RANK_NONE, GST_TYPE_HEPAR_OVERLAY)

enum {
  PROP_VIEW = 1,
  PROP_POSITION,
  PROP_THEME,
  PROP_SHOW_PANEL,
  PROP_SHOW_PROBABILITIES,
  PROP_SHOW_TREND,
  PROP_SHOW_TRUST,
  PROP_SHOW_LATENCY,
  PROP_LAYOUT
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));

static GType gst_hepar_overlay_view_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(View::kNone), "No view", "none"},
      {static_cast<gint>(View::kSpecific), "Feat1, the specific features, beside the scan",
       "specific"},
      {static_cast<gint>(View::kCommon), "Feat2, the common features, beside the scan", "common"},
      {static_cast<gint>(View::kReconstruction), "The reconstruction beside the scan",
       "reconstruction"},
      {static_cast<gint>(View::kAll), "All three beside the scan", "all"},
      {static_cast<gint>(View::kOverSpecific), "Feat1, the specific features, over the scan",
       "over-specific"},
      {static_cast<gint>(View::kOverCommon), "Feat2, the common features, over the scan",
       "over-common"},
      {static_cast<gint>(View::kSaliency), "What speaks for the grade, over the scan", "saliency"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayView", kValues);
  return type;
}

static GType gst_hepar_overlay_position_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(OverlayCorner::kAuto), "Where neither scan nor text is covered", "auto"},
      {static_cast<gint>(OverlayCorner::kTopLeft), "Top left corner", "top-left"},
      {static_cast<gint>(OverlayCorner::kTopRight), "Top right corner", "top-right"},
      {static_cast<gint>(OverlayCorner::kBottomLeft), "Bottom left corner", "bottom-left"},
      {static_cast<gint>(OverlayCorner::kBottomRight), "Bottom right corner", "bottom-right"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayPosition", kValues);
  return type;
}

static GType gst_hepar_overlay_layout_get_type() {
  static const GEnumValue kValues[] = {
      {0, "The panel is drawn over the picture", "over"},
      {1, "Frames are wider, with the panel to the right of the picture", "beside"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayLayout", kValues);
  return type;
}

static GType gst_hepar_overlay_theme_get_type() {
  static const GEnumValue kValues[] = {
      {static_cast<gint>(OverlayTheme::kDark), "Light text on a dark panel", "dark"},
      {static_cast<gint>(OverlayTheme::kLight), "Dark text on a light panel", "light"},
      {static_cast<gint>(OverlayTheme::kHighContrast), "White text on an opaque black panel",
       "high-contrast"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstHeparOverlayTheme", kValues);
  return type;
}

static Settings gst_hepar_overlay_get_settings(GstHeparOverlay* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_overlay_set_property(GObject* object, guint id, const GValue* value,
                                           GParamSpec* pspec) noexcept {
  GstHeparOverlayPrivate* priv = GST_HEPAR_OVERLAY(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;

  switch (id) {
    case PROP_VIEW:
      settings.view = static_cast<View>(g_value_get_enum(value));
      break;
    case PROP_POSITION:
      settings.style.corner = static_cast<OverlayCorner>(g_value_get_enum(value));
      break;
    case PROP_THEME:
      settings.style.theme = static_cast<OverlayTheme>(g_value_get_enum(value));
      break;
    case PROP_SHOW_PANEL:
      settings.style.panel = g_value_get_boolean(value);
      break;
    case PROP_SHOW_PROBABILITIES:
      settings.style.probabilities = g_value_get_boolean(value);
      break;
    case PROP_SHOW_TREND:
      settings.style.trend = g_value_get_boolean(value);
      break;
    case PROP_SHOW_TRUST:
      settings.style.trust = g_value_get_boolean(value);
      break;
    case PROP_SHOW_LATENCY:
      settings.style.latency = g_value_get_boolean(value);
      break;
    case PROP_LAYOUT:
      priv->wants_beside = g_value_get_enum(value) != 0;
      if (GST_STATE(object) < GST_STATE_PAUSED) priv->is_beside = priv->wants_beside;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_overlay_get_property(GObject* object, guint id, GValue* value,
                                           GParamSpec* pspec) noexcept {
  const Settings settings = gst_hepar_overlay_get_settings(GST_HEPAR_OVERLAY(object));

  switch (id) {
    case PROP_VIEW:
      g_value_set_enum(value, static_cast<gint>(settings.view));
      break;
    case PROP_POSITION:
      g_value_set_enum(value, static_cast<gint>(settings.style.corner));
      break;
    case PROP_THEME:
      g_value_set_enum(value, static_cast<gint>(settings.style.theme));
      break;
    case PROP_SHOW_PANEL:
      g_value_set_boolean(value, settings.style.panel);
      break;
    case PROP_SHOW_PROBABILITIES:
      g_value_set_boolean(value, settings.style.probabilities);
      break;
    case PROP_SHOW_TREND:
      g_value_set_boolean(value, settings.style.trend);
      break;
    case PROP_SHOW_TRUST:
      g_value_set_boolean(value, settings.style.trust);
      break;
    case PROP_SHOW_LATENCY:
      g_value_set_boolean(value, settings.style.latency);
      break;
    case PROP_LAYOUT: {
      std::lock_guard<std::mutex> lock(GST_HEPAR_OVERLAY(object)->priv->mutex);
      g_value_set_enum(value, GST_HEPAR_OVERLAY(object)->priv->wants_beside ? 1 : 0);
      break;
    }
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static gboolean gst_hepar_overlay_start(GstBaseTransform* base) noexcept {
  GstHeparOverlayPrivate* priv = GST_HEPAR_OVERLAY(base)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->is_beside = priv->wants_beside;
  return TRUE;
}

static gboolean gst_hepar_overlay_stop(GstBaseTransform* base) noexcept {
  GstHeparOverlayPrivate* priv = GST_HEPAR_OVERLAY(base)->priv;
  priv->overlay.reset();
  priv->copier.reset();
  priv->stream.Reset();
  priv->watch.Reset();
  return TRUE;
}

static GstCaps* gst_hepar_overlay_transform_caps(GstBaseTransform* base, GstPadDirection direction,
                                                 GstCaps* caps, GstCaps* filter) noexcept {
  GstCaps* other = GST_HEPAR_OVERLAY(base)->priv->is_beside
                       ? hepar::BesideCaps(caps, direction == GST_PAD_SINK)
                       : gst_caps_ref(caps);
  if (filter == nullptr) return other;
  GstCaps* common = gst_caps_intersect_full(filter, other, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(other);
  return common;
}

static gboolean gst_hepar_overlay_set_info(GstVideoFilter* filter, GstCaps* incaps,
                                           GstVideoInfo* in_info, GstCaps* /*outcaps*/,
                                           GstVideoInfo* out_info) noexcept {
  GST_INFO_OBJECT(filter, "drawing on %" GST_PTR_FORMAT, static_cast<void*>(incaps));
  GstHeparOverlayPrivate* priv = GST_HEPAR_OVERLAY(filter)->priv;
  // The base class still has the old caps. A new frame rate alone keeps the trend.
  if (priv->overlay != nullptr && hepar::SamePicture(*in_info, filter->in_info)) {
    priv->overlay->set_info(*out_info);
  } else {
    priv->overlay.reset();
    priv->copier.reset();
  }
  return TRUE;
}

static gboolean gst_hepar_overlay_set_caps(GstBaseTransform* base, GstCaps* incaps,
                                           GstCaps* outcaps) noexcept {
  if (!GST_BASE_TRANSFORM_CLASS(gst_hepar_overlay_parent_class)->set_caps(base, incaps, outcaps)) {
    return FALSE;
  }
  // GstVideoFilter decides by the functions that there are.
  gst_base_transform_set_in_place(base, !GST_HEPAR_OVERLAY(base)->priv->is_beside);
  return TRUE;
}

static void gst_hepar_overlay_warn_of_no_result(GstHeparOverlay* self) {
  const std::string frames = std::to_string(self->priv->watch.frames());
  hepar::PostWarning(
      GST_ELEMENT(self),
      hepar::Error(hepar::ErrorKind::kMismatch,
                   "none of the " + frames +
                       " frames so far carries a severity to draw: put heparclassify upstream of "
                       "heparoverlay, or use heparbin; if there is one, it has given no result "
                       "yet"));
}

static gboolean gst_hepar_overlay_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  auto* self = GST_HEPAR_OVERLAY(base);
  GstHeparOverlayPrivate* priv = self->priv;
  const GstEventType type = GST_EVENT_TYPE(event);
  if (type == GST_EVENT_FLUSH_STOP || type == GST_EVENT_SEGMENT) {
    GST_DEBUG_OBJECT(base, "forgetting the trend at %s", gst_event_type_get_name(type));
    priv->overlay.reset();
    priv->watch.Jump();
  }
  const bool another = type == GST_EVENT_STREAM_START && priv->stream.Update(event);
  if ((another || type == GST_EVENT_EOS) && priv->watch.End()) {
    gst_hepar_overlay_warn_of_no_result(self);
  }
  if (another) {
    priv->overlay.reset();
    priv->watch.Reset();
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_overlay_parent_class)->sink_event(base, event);
}

static gboolean gst_hepar_overlay_query(GstBaseTransform* base, GstPadDirection direction,
                                        GstQuery* query) noexcept {
  if (direction == GST_PAD_SINK && hepar::IsSaliencyQuery(query) &&
      gst_hepar_overlay_get_settings(GST_HEPAR_OVERLAY(base)).view == View::kSaliency) {
    return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_overlay_parent_class)->query(base, direction, query);
}

static std::optional<double> gst_hepar_overlay_stream_time(GstBaseTransform* base,
                                                           GstBuffer* buffer) {
  if (base->segment.format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(buffer)) return {};
  const guint64 time =
      gst_segment_to_stream_time(&base->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (!GST_CLOCK_TIME_IS_VALID(time)) return {};
  return static_cast<double>(time) / GST_SECOND;
}

static hepar::OverlayInput gst_hepar_overlay_get_input(GstBaseTransform* base, GstBuffer* buffer) {
  hepar::OverlayInput input;
  input.time = gst_hepar_overlay_stream_time(base, buffer);
  input.inference = gst_buffer_get_hepar_frame(buffer);
  GstHeparSeverity severity;
  if (gst_buffer_get_hepar_severity(buffer, &severity)) {
    input.result = hepar::PanelContentOf(severity);
    if (input.result->state != hepar::PanelContent::State::kNotLiver) {
      input.level = hepar::LevelOf(severity.probabilities);
    }
  }
  return input;
}

// Warns once per stream if there is nothing to draw. Views of the decouplers need no grade, so they
// count.
static void gst_hepar_overlay_watch(GstHeparOverlay* self, const Settings& settings,
                                    const hepar::OverlayInput& input) {
  GstHeparOverlayPrivate* priv = self->priv;
  const bool has_views = settings.view != View::kNone && settings.view != View::kSaliency &&
                         input.inference != nullptr;
  if (priv->watch.Add(priv->overlay->now(), input.result || has_views)) {
    gst_hepar_overlay_warn_of_no_result(self);
  }
}

// Draws into `buffer`, or beside its picture into `wide`. Maps frames here and not in
// GstVideoFilter, which reports a buffer that is too short as a feature that is not implemented.
// Throws hepar::Error.
static void gst_hepar_overlay_draw(GstHeparOverlay* self, GstBuffer* buffer, GstBuffer* wide) {
  GstHeparOverlayPrivate* priv = self->priv;
  const Settings settings = gst_hepar_overlay_get_settings(self);
  const GstVideoInfo& in_info = GST_VIDEO_FILTER(self)->in_info;
  const GstVideoInfo& out_info = GST_VIDEO_FILTER(self)->out_info;
  const hepar::OverlayInput input = gst_hepar_overlay_get_input(GST_BASE_TRANSFORM(self), buffer);
  if (priv->overlay == nullptr) priv->overlay = std::make_unique<hepar::StreamOverlay>(out_info);
  std::exception_ptr views_error;
  if (wide == nullptr) {
    hepar::VideoMapping mapping(buffer, in_info, GST_MAP_READWRITE);
    views_error = priv->overlay->Draw(settings, input, mapping.frame());
  } else {
    if (priv->copier == nullptr) priv->copier = std::make_unique<hepar::BesideCopier>(out_info);
    hepar::VideoMapping in(buffer, in_info, GST_MAP_READ);
    hepar::VideoMapping out(wide, out_info, GST_MAP_READWRITE);
    const hepar::OverlayRect visible = hepar::VisibleRect(*in.frame());
    priv->copier->Copy(*in.frame(), visible, out.frame());
    const hepar::OverlayRect picture = {0, 0, visible.width, visible.height};
    views_error = priv->overlay->Draw(settings, input, out.frame(), &picture);
  }
  gst_buffer_set_hepar_overlay(wide == nullptr ? buffer : wide);
  gst_hepar_overlay_watch(self, settings, input);
  if (views_error != nullptr) {
    try {
      std::rethrow_exception(views_error);
    } catch (...) {
      hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
    }
  }
}

static GstFlowReturn gst_hepar_overlay_try_to_draw(GstBaseTransform* base, GstBuffer* buffer,
                                                   GstBuffer* wide) noexcept {
  try {
    gst_hepar_overlay_draw(GST_HEPAR_OVERLAY(base), buffer, wide);
  } catch (...) {
    // A picture without "Research use only" must not go on.
    hepar::PostError(GST_ELEMENT(base), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

static GstFlowReturn gst_hepar_overlay_transform_ip(GstBaseTransform* base,
                                                    GstBuffer* buffer) noexcept {
  return gst_hepar_overlay_try_to_draw(base, buffer, nullptr);
}

static GstFlowReturn gst_hepar_overlay_transform(GstBaseTransform* base, GstBuffer* in,
                                                 GstBuffer* out) noexcept {
  // The base class has copied it, but all of the wider frame is to be seen.
  if (GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(out)) {
    gst_buffer_remove_meta(out, &crop->meta);
  }
  return gst_hepar_overlay_try_to_draw(base, in, out);
}

static void gst_hepar_overlay_finalize(GObject* object) noexcept {
  delete GST_HEPAR_OVERLAY(object)->priv;
  G_OBJECT_CLASS(gst_hepar_overlay_parent_class)->finalize(object);
}

static void gst_hepar_overlay_init(GstHeparOverlay* self) {
  self->priv = new GstHeparOverlayPrivate;
  // GstVideoFilter enables QoS, but late frames must be drawn too.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void gst_hepar_overlay_class_init(GstHeparOverlayClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  auto* filter_class = GST_VIDEO_FILTER_CLASS(klass);

  object_class->set_property = gst_hepar_overlay_set_property;
  object_class->get_property = gst_hepar_overlay_get_property;
  object_class->finalize = gst_hepar_overlay_finalize;

  const Settings defaults;
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstHeparOverlay:view:
   *
   * Which views are shown, and where. "over-" draws a feature view over the part of the scan that
   * the network saw, in colors from dark violet (low) to yellow (high). "saliency" draws the parts
   * of the scan that speak for the grade of the frame in the same way, with a legend; heparclassify
   * upstream then computes such a map for each frame that it grades. The others form a column on
   * the side opposite the panel.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_VIEW,
      g_param_spec_enum("view", "View", "Views of the model to show beside or over the scan",
                        gst_hepar_overlay_view_get_type(), static_cast<gint>(defaults.view),
                        flags));
  /**
   * GstHeparOverlay:position:
   *
   * The corner of the picture for the panel. `auto` looks for a place at the left or right edge
   * where the panel covers neither the scan nor what the scanner writes beside it, preferably in a
   * corner. It looks again every second, and moves the panel only if another place is clearly
   * better.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_POSITION,
      g_param_spec_enum("position", "Position", "Corner of the picture for the panel, or auto",
                        gst_hepar_overlay_position_get_type(),
                        static_cast<gint>(defaults.style.corner), flags));
  /**
   * GstHeparOverlay:theme:
   *
   * The colors of the panel. In each theme, the grades can be told apart in gray and by color-blind
   * people.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_THEME,
      g_param_spec_enum("theme", "Theme", "Colors of the panel", gst_hepar_overlay_theme_get_type(),
                        static_cast<gint>(defaults.style.theme), flags));
  /**
   * GstHeparOverlay:show-panel:
   *
   * Whether the panel is shown. "Research use only" is shown without it too.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_PANEL,
      g_param_spec_boolean("show-panel", "Show panel",
                           "Whether to show the panel; \"Research use only\" is always shown",
                           defaults.style.panel, flags));
  /**
   * GstHeparOverlay:show-probabilities:
   *
   * Whether the panel has a bar for the probability of each grade.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_PROBABILITIES,
      g_param_spec_boolean("show-probabilities", "Show probabilities",
                           "Whether to show the probability of each grade",
                           defaults.style.probabilities, flags));
  /**
   * GstHeparOverlay:show-trend:
   *
   * Whether the panel has the curve of the expected grade over the last 20 seconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_TREND,
      g_param_spec_boolean("show-trend", "Show trend",
                           "Whether to show the trend of the grade over the last 20 seconds",
                           defaults.style.trend, flags));
  /**
   * GstHeparOverlay:show-trust:
   *
   * Whether the panel shows the trust in the grade.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_TRUST,
      g_param_spec_boolean("show-trust", "Show trust", "Whether to show the trust in the grade",
                           defaults.style.trust, flags));
  /**
   * GstHeparOverlay:show-latency:
   *
   * Whether the panel shows the inference time and the age of the result.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_LATENCY,
      g_param_spec_boolean("show-latency", "Show latency",
                           "Whether to show the inference time and the age of the result",
                           defaults.style.latency, flags));

  /**
   * GstHeparOverlay:layout:
   *
   * Whether the panel is drawn over the picture, or frames get wider by a strip that holds it. The
   * strip is about a third as wide as the frame is high.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_LAYOUT,
      g_param_spec_enum("layout", "Layout", "Whether the panel is over or beside the picture",
                        gst_hepar_overlay_layout_get_type(), 0,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));

  gst_type_mark_as_plugin_api(gst_hepar_overlay_layout_get_type(),
                              static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_overlay_view_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_overlay_position_get_type(),
                              static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_overlay_theme_get_type(),
                              static_cast<GstPluginAPIFlags>(0));

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Liver severity overlay",
                                        "Filter/Editor/Video",
                                        "Draws the severity of fatty liver over the scan, for "
                                        "research use only",
                                        "The gst-hepar Authors");

  transform_class->start = GST_DEBUG_FUNCPTR(gst_hepar_overlay_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_overlay_stop);
  transform_class->transform_caps = GST_DEBUG_FUNCPTR(gst_hepar_overlay_transform_caps);
  transform_class->set_caps = GST_DEBUG_FUNCPTR(gst_hepar_overlay_set_caps);
  transform_class->transform = GST_DEBUG_FUNCPTR(gst_hepar_overlay_transform);
  transform_class->query = GST_DEBUG_FUNCPTR(gst_hepar_overlay_query);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_hepar_overlay_sink_event);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_hepar_overlay_transform_ip);
  filter_class->set_info = GST_DEBUG_FUNCPTR(gst_hepar_overlay_set_info);
}
