// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-hepardicomdec
 * @title: hepardicomdec
 * @short_description: Decodes a DICOM cine or still
 * @see_also: heparcinesrc
 *
 * Decodes a DICOM file that comes from any source, as heparcinesrc does. decodebin and playbin use
 * it by themselves. A file whose pixels are MPEG-2, H.264 or HEVC becomes the stream that it holds,
 * for the parsers and decoders downstream.
 *
 * The whole file is read before the first picture: what a DICOM file is, is known at its end.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=cine.dcm ! decodebin ! videoconvert ! autovideosink
 * ]| Shows a cine.
 *
 * Since: 0.1
 */

#include "elements/gsthepardicomdec.h"

#include <gst/base/gsttypefindhelper.h>
#include <gst/video/video.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "elements/cine_stream.h"
#include "elements/error_message.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_dicom_dec_debug);
#define GST_CAT_DEFAULT gst_hepar_dicom_dec_debug

namespace {

constexpr char kCapsName[] = "application/dicom";
constexpr gint64 kMagicOffset = 128;
constexpr char kMagic[] = "DICM";
constexpr gsize kVideoBlock = gsize{1} << 16;

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparDicomDecPrivate {
  // The file so far; only the streaming thread of the sink pad touches it.
  std::string bytes;

  // Guards the rest, which queries read at any time. Not held while a picture is decoded or pushed:
  // then the stream lock of the source pad keeps seeks away.
  std::mutex mutex;
  std::unique_ptr<hepar::CineStream> stream;  // Once the file is read.
  gsize video_at = 0;                         // Of a video, the next byte.
  GstSegment segment = {};                    // In bytes for a video, else in time.
  GstVideoInfo info = {};
  bool is_started = false;  // Caps are out.
  bool needs_segment = false;
  guint32 seqnum = GST_SEQNUM_INVALID;  // Of the last seek.
  bool is_busy = false;                 // The file is being played.
  bool is_stopping = false;
  std::condition_variable not_busy;  // Or stopping.
};

struct _GstHeparDicomDec {
  GstElement parent;
  GstPad* sink;
  GstPad* src;
  GstHeparDicomDecPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparDicomDec, gst_hepar_dicom_dec, GST_TYPE_ELEMENT,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_dicom_dec_debug, "hepardicomdec", 0,
                                                "DICOM files"))
GST_ELEMENT_REGISTER_DEFINE(hepardicomdec, "hepardicomdec", GST_RANK_PRIMARY,
                            GST_TYPE_HEPAR_DICOM_DEC)

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/dicom"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS(HEPAR_CINE_CAPS
                    "; video/mpeg; video/mpegts; video/quicktime; video/x-h264; video/x-h265"));

static void gst_hepar_dicom_type_find(GstTypeFind* find, gpointer) noexcept {
  const guint8* magic = gst_type_find_peek(find, kMagicOffset, sizeof kMagic - 1);
  if (magic == nullptr || memcmp(magic, kMagic, sizeof kMagic - 1) != 0) return;
  gst_type_find_suggest_empty_simple(find, GST_TYPE_FIND_MAXIMUM, kCapsName);
}

gboolean gst_hepar_dicom_type_find_register(GstPlugin* plugin) {
  g_autoptr(GstCaps) caps = gst_caps_new_empty_simple(kCapsName);
  return gst_type_find_register(plugin, kCapsName, GST_RANK_PRIMARY, gst_hepar_dicom_type_find,
                                "dcm,dicom", caps, nullptr, nullptr);
}

// What stands for the file in messages: its address, if upstream knows it.
static std::string gst_hepar_dicom_dec_name(GstHeparDicomDec* self) {
  g_autoptr(GstQuery) query = gst_query_new_uri();
  g_autofree gchar* uri = nullptr;
  if (gst_pad_peer_query(self->sink, query)) gst_query_parse_uri(query, &uri);
  g_autofree gchar* path = uri ? g_filename_from_uri(uri, nullptr, nullptr) : nullptr;
  return path ? path : uri ? uri : "the DICOM stream";
}

static void gst_hepar_dicom_dec_not_busy(GstHeparDicomDec* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  self->priv->is_busy = false;
  self->priv->not_busy.notify_all();
}

// Ends the task of the source pad, which calls this.
static void gst_hepar_dicom_dec_pause(GstHeparDicomDec* self, bool with_eos) {
  if (with_eos) {
    GstEvent* eos = gst_event_new_eos();
    guint32 seqnum;
    {
      std::lock_guard<std::mutex> lock(self->priv->mutex);
      seqnum = self->priv->seqnum;
    }
    if (seqnum != GST_SEQNUM_INVALID) gst_event_set_seqnum(eos, seqnum);
    gst_pad_push_event(self->src, eos);
  }
  gst_pad_pause_task(self->src);
  gst_hepar_dicom_dec_not_busy(self);
}

// All of the segment has been played.
static void gst_hepar_dicom_dec_finish(GstHeparDicomDec* self) {
  GstHeparDicomDecPrivate* priv = self->priv;
  GstSegment segment;
  guint32 seqnum;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    segment = priv->segment;
    seqnum = priv->seqnum;
  }
  if ((segment.flags & GST_SEGMENT_FLAG_SEGMENT) == 0) {
    gst_hepar_dicom_dec_pause(self, true);
    return;
  }
  const auto end =
      static_cast<gint64>(segment.stop == GST_CLOCK_TIME_NONE ? segment.position : segment.stop);
  GstMessage* message = gst_message_new_segment_done(GST_OBJECT(self), segment.format, end);
  GstEvent* event = gst_event_new_segment_done(segment.format, end);
  gst_message_set_seqnum(message, seqnum);
  gst_event_set_seqnum(event, seqnum);
  gst_element_post_message(GST_ELEMENT(self), message);
  gst_pad_push_event(self->src, event);
  gst_hepar_dicom_dec_pause(self, false);
}

// The caps of all buffers, which the caller owns. Throws hepar::Error.
static GstCaps* gst_hepar_dicom_dec_make_caps(GstHeparDicomDec* self) {
  const hepar::CineStream& stream = *self->priv->stream;
  const std::string& video = stream.video();
  if (video.empty()) return stream.MakeCaps();
  g_autoptr(GstCaps) caps = gst_type_find_helper_for_data(
      GST_OBJECT(self), reinterpret_cast<const guint8*>(video.data()), video.size(), nullptr);
  g_autoptr(GstCaps) known = gst_pad_get_pad_template_caps(self->src);
  if (caps == nullptr || !gst_caps_is_subset(caps, known)) {
    throw hepar::Error(hepar::ErrorKind::kDamaged,
                       gst_hepar_dicom_dec_name(self) +
                           ": its video is neither MPEG-2, H.264 nor HEVC, alone or in an MPEG "
                           "transport stream or MP4 file: convert it, for example by 'dcmconv'");
  }
  return static_cast<GstCaps*>(g_steal_pointer(&caps));
}

// Caps, and the segment after each seek. Throws hepar::Error.
static void gst_hepar_dicom_dec_announce(GstHeparDicomDec* self) {
  GstHeparDicomDecPrivate* priv = self->priv;
  if (!priv->is_started) {
    g_autoptr(GstCaps) caps = gst_hepar_dicom_dec_make_caps(self);
    GST_INFO_OBJECT(self, "%" GST_PTR_FORMAT, static_cast<void*>(caps));
    if (priv->stream->video().empty()) gst_video_info_from_caps(&priv->info, caps);
    priv->is_started = true;
    gst_pad_push_event(self->src, gst_event_new_caps(caps));
  }
  GstEvent* segment = nullptr;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (!priv->needs_segment) return;
    priv->needs_segment = false;
    segment = gst_event_new_segment(&priv->segment);
    if (priv->seqnum != GST_SEQNUM_INVALID) gst_event_set_seqnum(segment, priv->seqnum);
  }
  gst_pad_push_event(self->src, segment);
}

// The next buffer; null behind the last one of the segment. Throws hepar::Error.
static GstBuffer* gst_hepar_dicom_dec_next(GstHeparDicomDec* self) {
  GstHeparDicomDecPrivate* priv = self->priv;
  const guint64 stop = priv->segment.stop;
  if (const std::string& video = priv->stream->video(); !video.empty()) {
    const gsize end = std::min<guint64>(stop, video.size());
    if (priv->video_at >= end) return nullptr;
    const gsize size = std::min(kVideoBlock, end - priv->video_at);
    GstBuffer* buffer = gst_buffer_new_memdup(video.data() + priv->video_at, size);
    GST_BUFFER_OFFSET(buffer) = priv->video_at;
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->video_at += size;
    priv->segment.position = priv->video_at;
    return buffer;
  }
  if (priv->stream->ended() || priv->stream->now() >= stop) return nullptr;
  g_autoptr(GstBuffer) buffer =
      gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&priv->info), nullptr);
  if (buffer == nullptr) throw hepar::Error(hepar::ErrorKind::kFailed, "out of memory");
  priv->stream->Fill(buffer, priv->info);
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->segment.position = GST_BUFFER_PTS(buffer);
  return static_cast<GstBuffer*>(g_steal_pointer(&buffer));
}

// The task of the source pad, with its stream lock held.
static void gst_hepar_dicom_dec_loop(gpointer data) noexcept {
  auto* self = GST_HEPAR_DICOM_DEC(data);
  GstBuffer* buffer = nullptr;
  try {
    gst_hepar_dicom_dec_announce(self);
    buffer = gst_hepar_dicom_dec_next(self);
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    gst_hepar_dicom_dec_pause(self, true);
    return;
  }
  if (buffer == nullptr) {
    gst_hepar_dicom_dec_finish(self);
    return;
  }
  const GstFlowReturn flow = gst_pad_push(self->src, buffer);
  if (flow == GST_FLOW_OK) return;
  GST_DEBUG_OBJECT(self, "paused: %s", gst_flow_get_name(flow));
  if (flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS) GST_ELEMENT_FLOW_ERROR(self, flow);
  gst_hepar_dicom_dec_pause(self, flow != GST_FLOW_FLUSHING);
}

// The file is whole. Throws hepar::Error.
static void gst_hepar_dicom_dec_open(GstHeparDicomDec* self) {
  GstHeparDicomDecPrivate* priv = self->priv;
  auto stream = std::make_unique<hepar::CineStream>(
      std::exchange(priv->bytes, {}), gst_hepar_dicom_dec_name(self), false,
      [self](const std::string& line) {
        hepar::PostWarning(GST_ELEMENT(self), hepar::Error(hepar::ErrorKind::kDamaged, line));
      });
  gst_element_post_message(GST_ELEMENT(self),
                           gst_message_new_element(GST_OBJECT(self), stream->Describe()));
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->stream = std::move(stream);
  const bool is_video = !priv->stream->video().empty();
  priv->video_at = 0;
  gst_segment_init(&priv->segment, is_video ? GST_FORMAT_BYTES : GST_FORMAT_TIME);
  priv->segment.duration = is_video ? priv->stream->video().size() : priv->stream->duration();
  priv->is_started = false;
  priv->needs_segment = priv->is_busy = true;
  priv->seqnum = GST_SEQNUM_INVALID;
}

static GstFlowReturn gst_hepar_dicom_dec_chain(GstPad*, GstObject* parent,
                                               GstBuffer* buffer) noexcept {
  auto* self = GST_HEPAR_DICOM_DEC(parent);
  g_autoptr(GstBuffer) owned = buffer;
  GstMapInfo map;
  try {
    if (gst_buffer_get_size(buffer) > hepar::kMaxCineBytes - self->priv->bytes.size()) {
      throw hepar::Error(hepar::ErrorKind::kUnsupported,
                         gst_hepar_dicom_dec_name(self) + ": has more than " +
                             std::to_string(hepar::kMaxCineBytes >> 30) +
                             " GiB: 'gdcmconv --jpeg' makes it smaller");
    }
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
      throw hepar::Error(hepar::ErrorKind::kUnreadable, "a buffer of upstream cannot be read");
    }
    self->priv->bytes.append(reinterpret_cast<const char*>(map.data), map.size);
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }
  gst_buffer_unmap(buffer, &map);
  return GST_FLOW_OK;
}

// Waits until the file before this one has been played. False where the element is stopping.
static bool gst_hepar_dicom_dec_wait(GstHeparDicomDec* self) {
  GstHeparDicomDecPrivate* priv = self->priv;
  std::unique_lock<std::mutex> lock(priv->mutex);
  priv->not_busy.wait(lock, [priv] { return !priv->is_busy || priv->is_stopping; });
  return !priv->is_stopping;
}

static gboolean gst_hepar_dicom_dec_sink_event(GstPad* pad, GstObject* parent,
                                               GstEvent* event) noexcept {
  auto* self = GST_HEPAR_DICOM_DEC(parent);

  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
      if (!gst_hepar_dicom_dec_wait(self)) {
        gst_event_unref(event);
        return FALSE;
      }
      self->priv->bytes.clear();
      break;
    case GST_EVENT_FLUSH_STOP:
      self->priv->bytes.clear();
      break;
    case GST_EVENT_CAPS:  // Those of the pictures follow.
    case GST_EVENT_SEGMENT:
      gst_event_unref(event);
      return TRUE;
    case GST_EVENT_EOS:
      gst_event_unref(event);
      try {
        gst_hepar_dicom_dec_open(self);
      } catch (...) {
        hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
        gst_pad_push_event(self->src, gst_event_new_eos());
        return TRUE;
      }
      return gst_pad_start_task(self->src, gst_hepar_dicom_dec_loop, self, nullptr);
    default:
      break;
  }
  return gst_pad_event_default(pad, parent, event);
}

static bool gst_hepar_dicom_dec_seek(GstHeparDicomDec* self, GstEvent* event) {
  GstHeparDicomDecPrivate* priv = self->priv;
  gdouble rate;
  GstFormat format;
  GstSeekFlags flags;
  GstSeekType start_type;
  GstSeekType stop_type;
  gint64 start;
  gint64 stop;
  gst_event_parse_seek(event, &rate, &format, &flags, &start_type, &start, &stop_type, &stop);
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (!priv->stream || rate <= 0.0 || format != priv->segment.format) return false;
  }

  const guint32 seqnum = gst_event_get_seqnum(event);
  const bool flush = (flags & GST_SEEK_FLAG_FLUSH) != 0;
  if (flush) {
    GstEvent* flush_start = gst_event_new_flush_start();
    gst_event_set_seqnum(flush_start, seqnum);
    gst_pad_push_event(self->src, flush_start);
  } else {
    gst_pad_pause_task(self->src);
  }
  GST_PAD_STREAM_LOCK(self->src);  // The task waits from here on.
  if (flush) {
    GstEvent* flush_stop = gst_event_new_flush_stop(TRUE);
    gst_event_set_seqnum(flush_stop, seqnum);
    gst_pad_push_event(self->src, flush_stop);
  }
  gboolean done;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    GstSegment segment = priv->segment;
    done =
        gst_segment_do_seek(&segment, rate, format, flags, start_type, static_cast<guint64>(start),
                            stop_type, static_cast<guint64>(stop), nullptr);
    if (done) {
      if (priv->stream->video().empty()) {
        priv->stream->Seek(segment.position);
      } else {
        priv->video_at = segment.position;
      }
      priv->segment = segment;
      priv->seqnum = seqnum;
      priv->needs_segment = true;
    }
    priv->is_busy = true;
  }
  gst_pad_start_task(self->src, gst_hepar_dicom_dec_loop, self, nullptr);
  GST_PAD_STREAM_UNLOCK(self->src);
  return done;
}

static gboolean gst_hepar_dicom_dec_src_event(GstPad* pad, GstObject* parent,
                                              GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) != GST_EVENT_SEEK) return gst_pad_event_default(pad, parent, event);
  const bool done = gst_hepar_dicom_dec_seek(GST_HEPAR_DICOM_DEC(parent), event);
  gst_event_unref(event);
  return done;
}

// Upstream has bytes of the file, of which these say nothing.
static gboolean gst_hepar_dicom_dec_src_query(GstPad* pad, GstObject* parent,
                                              GstQuery* query) noexcept {
  GstHeparDicomDecPrivate* priv = GST_HEPAR_DICOM_DEC(parent)->priv;
  std::unique_lock<std::mutex> lock(priv->mutex);
  const GstFormat own = priv->segment.format;
  const auto duration = static_cast<gint64>(priv->segment.duration);
  GstFormat format = GST_FORMAT_UNDEFINED;

  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_DURATION:
      gst_query_parse_duration(query, &format, nullptr);
      if (!priv->stream || format != own || duration < 0) return FALSE;
      gst_query_set_duration(query, format, duration);
      return TRUE;
    case GST_QUERY_POSITION: {
      gst_query_parse_position(query, &format, nullptr);
      if (!priv->stream || format != own) return FALSE;
      const guint64 position =
          own == GST_FORMAT_TIME
              ? gst_segment_to_stream_time(&priv->segment, own, priv->segment.position)
              : priv->segment.position;
      gst_query_set_position(query, format, static_cast<gint64>(position));
      return TRUE;
    }
    case GST_QUERY_SEEKING:
      gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
      if (!priv->stream || format != own) return FALSE;
      gst_query_set_seeking(query, format, TRUE, 0, duration);
      return TRUE;
    default:
      lock.unlock();
      return gst_pad_query_default(pad, parent, query);
  }
}

static GstStateChangeReturn gst_hepar_dicom_dec_change_state(GstElement* element,
                                                             GstStateChange transition) noexcept {
  auto* self = GST_HEPAR_DICOM_DEC(element);
  GstHeparDicomDecPrivate* priv = self->priv;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) priv->is_stopping = false;
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
      priv->is_stopping = true;
      priv->not_busy.notify_all();
    }
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_hepar_dicom_dec_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    gst_pad_stop_task(self->src);  // Its pad is flushing by now.
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->bytes = {};
    priv->stream.reset();
    priv->is_busy = false;
    gst_segment_init(&priv->segment, GST_FORMAT_UNDEFINED);
  }
  return result;
}

static void gst_hepar_dicom_dec_finalize(GObject* object) noexcept {
  delete GST_HEPAR_DICOM_DEC(object)->priv;
  G_OBJECT_CLASS(gst_hepar_dicom_dec_parent_class)->finalize(object);
}

static void gst_hepar_dicom_dec_init(GstHeparDicomDec* self) {
  self->priv = new GstHeparDicomDecPrivate;
  gst_segment_init(&self->priv->segment, GST_FORMAT_UNDEFINED);

  self->sink = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sink, GST_DEBUG_FUNCPTR(gst_hepar_dicom_dec_chain));
  gst_pad_set_event_function(self->sink, GST_DEBUG_FUNCPTR(gst_hepar_dicom_dec_sink_event));
  gst_element_add_pad(GST_ELEMENT(self), self->sink);

  self->src = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_event_function(self->src, GST_DEBUG_FUNCPTR(gst_hepar_dicom_dec_src_event));
  gst_pad_set_query_function(self->src, GST_DEBUG_FUNCPTR(gst_hepar_dicom_dec_src_query));
  gst_pad_use_fixed_caps(self->src);
  gst_element_add_pad(GST_ELEMENT(self), self->src);
}

static void gst_hepar_dicom_dec_class_init(GstHeparDicomDecClass* klass) {
  auto* element_class = GST_ELEMENT_CLASS(klass);

  G_OBJECT_CLASS(klass)->finalize = gst_hepar_dicom_dec_finalize;
  element_class->change_state = GST_DEBUG_FUNCPTR(gst_hepar_dicom_dec_change_state);

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  // A demuxer, so that what it makes may be raw or coded.
  gst_element_class_set_static_metadata(element_class, "DICOM decoder", "Codec/Demuxer",
                                        "Decodes a DICOM cine or still", "The gst-hepar Authors");
}
