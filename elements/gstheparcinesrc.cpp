// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparcinesrc
 * @title: heparcinesrc
 * @short_description: Plays a DICOM cine or still
 * @see_also: hepardicomdec, heparsimsrc
 *
 * Plays a DICOM file at the times of its header: as a file, or with #GstHeparCineSrc:is-live at the
 * pace of the clock, as a scanner does. Pictures are shown as a viewer shows them, with rescale,
 * window, look-up tables and palette applied. The ultrasound region of the header travels with each
 * buffer as `HeparScanMeta`, and heparcolorspace uses it in place of its search for the sector. The
 * element message `hepar-dicom` says what the file is, and whether names or dates may be written
 * into its pictures. No data of the patient leaves the element otherwise.
 *
 * Files whose pixels are MPEG-2, H.264 or HEVC need a decoder: use #GstHeparDicomDec.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparcinesrc location=cine.dcm loop=true is-live=true ! heparbin model=liver.hepar
 * ! videoconvert ! autovideosink
 * ]| Grades a cine again and again, as if a scanner showed it.
 *
 * Since: 0.1
 */

#include "elements/gstheparcinesrc.h"

#include <gst/video/video.h>

#include <memory>
#include <mutex>
#include <string>

#include "elements/cine_stream.h"
#include "elements/error_message.h"
#include "elements/frame_source.h"
#include "models/file_io.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_cine_src_debug);
#define GST_CAT_DEFAULT gst_hepar_cine_src_debug

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparCineSrcPrivate {
  std::mutex mutex;  // Guards the next four members, which any thread may read at any time.
  std::string location;
  bool loop = false;
  GstClockTime latency = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;

  // From start() to stop(); only the streaming thread and state changes touch them.
  std::unique_ptr<hepar::CineStream> stream;
  GstVideoInfo info = {};
};

struct _GstHeparCineSrc {
  GstPushSrc parent;
  GstHeparCineSrcPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparCineSrc, gst_hepar_cine_src, GST_TYPE_PUSH_SRC,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_cine_src_debug, "heparcinesrc", 0,
                                                "DICOM cines"))
GST_ELEMENT_REGISTER_DEFINE(heparcinesrc, "heparcinesrc", GST_RANK_NONE, GST_TYPE_HEPAR_CINE_SRC)

enum { PROP_LOCATION = 1, PROP_LOOP, PROP_IS_LIVE };

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_CINE_CAPS));

static void gst_hepar_cine_src_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);

  switch (id) {
    case PROP_LOCATION: {
      const char* location = g_value_get_string(value);
      priv->location = location ? location : "";
      break;
    }
    case PROP_LOOP:
      priv->loop = g_value_get_boolean(value);
      break;
    case PROP_IS_LIVE:
      gst_base_src_set_live(GST_BASE_SRC(object), g_value_get_boolean(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_cine_src_get_property(GObject* object, guint id, GValue* value,
                                            GParamSpec* pspec) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);

  switch (id) {
    case PROP_LOCATION:
      g_value_set_string(value, priv->location.empty() ? nullptr : priv->location.c_str());
      break;
    case PROP_LOOP:
      g_value_set_boolean(value, priv->loop);
      break;
    case PROP_IS_LIVE:
      g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

// Throws hepar::Error.
static void gst_hepar_cine_src_open(GstHeparCineSrc* self) {
  GstHeparCineSrcPrivate* priv = self->priv;
  std::string location;
  bool loop = false;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    location = priv->location;
    loop = priv->loop;
  }
  if (location.empty()) {
    throw hepar::Error(hepar::ErrorKind::kInvalid, "no file: set location= to a DICOM file");
  }
  auto stream = std::make_unique<hepar::CineStream>(
      hepar::ReadFile(location, hepar::kMaxCineBytes), location, loop,
      [self](const std::string& line) {
        hepar::PostWarning(GST_ELEMENT(self), hepar::Error(hepar::ErrorKind::kDamaged, line));
      });
  if (!stream->video().empty()) {
    throw hepar::Error(hepar::ErrorKind::kUnsupported,
                       location +
                           ": holds MPEG-2, H.264 or HEVC video, which needs a decoder: use "
                           "'filesrc location=FILE ! decodebin' in place of this element");
  }
  priv->stream = std::move(stream);
  gst_video_info_init(&priv->info);
  std::lock_guard<std::mutex> lock(priv->mutex);
  // As with a scanner, a frame is complete one frame time after its beginning.
  priv->latency = priv->stream->longest_frame();
  priv->duration = priv->stream->duration();
}

static gboolean gst_hepar_cine_src_start(GstBaseSrc* base) noexcept {
  auto* self = GST_HEPAR_CINE_SRC(base);
  try {
    gst_hepar_cine_src_open(self);
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return FALSE;
  }
  gst_element_post_message(
      GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), self->priv->stream->Describe()));
  return TRUE;
}

static gboolean gst_hepar_cine_src_stop(GstBaseSrc* base) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(base)->priv;
  priv->stream.reset();
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->latency = priv->duration = GST_CLOCK_TIME_NONE;
  return TRUE;
}

static GstCaps* gst_hepar_cine_src_get_caps(GstBaseSrc* base, GstCaps* filter) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(base)->priv;
  GstCaps* caps = priv->stream ? priv->stream->MakeCaps()
                               : gst_pad_get_pad_template_caps(GST_BASE_SRC_PAD(base));
  if (filter == nullptr) return caps;
  GstCaps* common = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(caps);
  return common;
}

static gboolean gst_hepar_cine_src_set_caps(GstBaseSrc* base, GstCaps* caps) noexcept {
  GST_INFO_OBJECT(base, "%" GST_PTR_FORMAT, static_cast<void*>(caps));
  return gst_video_info_from_caps(&GST_HEPAR_CINE_SRC(base)->priv->info, caps);
}

static gboolean gst_hepar_cine_src_do_seek(GstBaseSrc* base, GstSegment* segment) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(base)->priv;
  if (!priv->stream) return FALSE;
  segment->time = segment->position = priv->stream->Seek(segment->position);
  return TRUE;
}

static gboolean gst_hepar_cine_src_query(GstBaseSrc* base, GstQuery* query) noexcept {
  GstHeparCineSrcPrivate* priv = GST_HEPAR_CINE_SRC(base)->priv;

  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_LATENCY: {
      std::lock_guard<std::mutex> lock(priv->mutex);
      if (!GST_CLOCK_TIME_IS_VALID(priv->latency)) return FALSE;
      gst_query_set_latency(query, gst_base_src_is_live(base), priv->latency, GST_CLOCK_TIME_NONE);
      return TRUE;
    }
    case GST_QUERY_DURATION: {
      GstFormat format;
      gst_query_parse_duration(query, &format, nullptr);
      std::lock_guard<std::mutex> lock(priv->mutex);
      if (format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(priv->duration)) return FALSE;
      gst_query_set_duration(query, format, static_cast<gint64>(priv->duration));
      return TRUE;
    }
    default:
      return GST_BASE_SRC_CLASS(gst_hepar_cine_src_parent_class)->query(base, query);
  }
}

static GstFlowReturn gst_hepar_cine_src_fill(GstPushSrc* push, GstBuffer* buffer) noexcept {
  auto* self = GST_HEPAR_CINE_SRC(push);
  GstHeparCineSrcPrivate* priv = self->priv;
  if (priv->stream->ended()) return GST_FLOW_EOS;
  try {
    priv->stream->Fill(buffer, priv->info);
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

static void gst_hepar_cine_src_finalize(GObject* object) noexcept {
  delete GST_HEPAR_CINE_SRC(object)->priv;
  G_OBJECT_CLASS(gst_hepar_cine_src_parent_class)->finalize(object);
}

static void gst_hepar_cine_src_init(GstHeparCineSrc* self) {
  self->priv = new GstHeparCineSrcPrivate;
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

static void gst_hepar_cine_src_class_init(GstHeparCineSrcClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* base_class = GST_BASE_SRC_CLASS(klass);
  auto* push_class = GST_PUSH_SRC_CLASS(klass);
  constexpr auto kReady = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);

  object_class->set_property = gst_hepar_cine_src_set_property;
  object_class->get_property = gst_hepar_cine_src_get_property;
  object_class->finalize = gst_hepar_cine_src_finalize;

  /**
   * GstHeparCineSrc:location:
   *
   * The DICOM file, up to 4 GiB.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_LOCATION,
      g_param_spec_string("location", "Location", "The DICOM file", nullptr, kReady));
  /**
   * GstHeparCineSrc:loop:
   *
   * Whether the pictures begin again after the last one. Times go on. A still is repeated 25 times
   * a second.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_LOOP,
      g_param_spec_boolean("loop", "Loop", "Whether the pictures begin again after the last one",
                           FALSE, kReady));
  /**
   * GstHeparCineSrc:is-live:
   *
   * Whether to produce frames at the pace of the clock, as a scanner does, or as fast as possible.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_IS_LIVE,
      g_param_spec_boolean("is-live", "Is live",
                           "Whether to produce frames at the pace of the clock", FALSE, kReady));

  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "DICOM cine source", "Source/File/Video",
                                        "Plays a DICOM cine or still at the times of its header",
                                        "The gst-hepar Authors");

  hepar::InstallFrameSource(base_class);
  base_class->start = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_stop);
  base_class->get_caps = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_get_caps);
  base_class->set_caps = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_set_caps);
  base_class->do_seek = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_do_seek);
  base_class->query = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_query);
  push_class->fill = GST_DEBUG_FUNCPTR(gst_hepar_cine_src_fill);
}
