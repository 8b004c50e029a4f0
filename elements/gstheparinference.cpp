// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparinference.h"

#include <chrono>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "elements/engine_event.h"
#include "elements/frame_preparer.h"
#include "elements/gstheparframemeta.h"
#include "elements/gstheparoverlaymeta.h"
#include "elements/gstheparscanmeta.h"
#include "elements/inference_settings.h"
#include "elements/latency_meter.h"
#include "elements/model_slot.h"
#include "elements/repeat_limiter.h"
#include "elements/stream_identity.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_inference_debug);
#define GST_CAT_DEFAULT gst_hepar_inference_debug

namespace {

using hepar::EngineRef;

GstClockTime Nanoseconds(std::chrono::steady_clock::duration time) {
  return static_cast<GstClockTime>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

}  // namespace

// GObject zeroes this and runs no constructor: init and finalize do.
struct GstHeparInferencePrivate {
  std::mutex mutex;  // Guards the next two members. Never held while posting.
  hepar::InferenceSettings settings;
  hepar::RepeatLimiter warnings;

  hepar::ModelSlot model;
  hepar::LatencyMeter latency;  // Written by the streaming thread; reads need no lock.

  // The streaming thread's own (and start's and stop's, when there is none).
  hepar::FramePreparer preparer;
  GstVideoInfo video_info;
  hepar::StreamIdentity stream;
  bool warned_of_overlay = false;  // In this stream.
  std::optional<bool> live;
  std::thread::id warm_thread;
};

G_DEFINE_ABSTRACT_TYPE_WITH_CODE(GstHeparInference, gst_hepar_inference, GST_TYPE_BASE_TRANSFORM,
                                 G_ADD_PRIVATE(GstHeparInference)
                                     GST_DEBUG_CATEGORY_INIT(gst_hepar_inference_debug,
                                                             "heparinference", 0,
                                                             "Model and frame handling"))

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));

static GstHeparInferencePrivate* gst_hepar_inference_get_private(GstHeparInference* self) {
  return static_cast<GstHeparInferencePrivate*>(gst_hepar_inference_get_instance_private(self));
}

// What is being done, for the debug text of errors.
static std::string gst_hepar_inference_describe(const hepar::EngineConfig& config) {
  return "model " + config.model + " on device " + config.device + " at precision " +
         hepar::ToString(config.precision);
}

static void gst_hepar_inference_set_model(GstHeparInference* self, const GValue* value) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->settings.SetProperty(hepar::InferenceSettings::kModel, value);
  const hepar::EngineConfig config = priv->settings.engine;
  priv->model.Load(config, [self, config](const hepar::ReportedError& error) {
    const std::string text =
        "the model was not changed, and the old model stays in use: " + std::string(error.what());
    hepar::PostWarning(GST_ELEMENT(self),
                       hepar::ReportedError(hepar::Error(error.kind(), text), error.cause())
                           .With(gst_hepar_inference_describe(config)));
  });
}

static void gst_hepar_inference_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* pspec) noexcept {
  auto* self = GST_HEPAR_INFERENCE(object);
  if (id == hepar::InferenceSettings::kModel) {
    try {
      gst_hepar_inference_set_model(self, value);
    } catch (...) {
      hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
    }
    return;
  }

  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  if (!priv->settings.SetProperty(id, value)) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_hepar_inference_get_property(GObject* object, guint id, GValue* value,
                                             GParamSpec* pspec) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(object));
  if (id == hepar::InferenceSettings::kActualDevice) {
    const std::string device = priv->model.device();
    g_value_set_string(value, device.empty() ? nullptr : device.c_str());
    return;
  }
  std::lock_guard<std::mutex> lock(priv->mutex);
  if (!priv->settings.GetProperty(id, value)) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_hepar_inference_log_engine(GstHeparInference* self) {
  const hepar::Engine& engine = *gst_hepar_inference_get_private(self)->model.engine();
  GST_INFO_OBJECT(self, "using model %s (%s) on %s, backend %s", engine.spec().name.c_str(),
                  engine.spec().id.c_str(), engine.device().c_str(), engine.backend().c_str());
}

static gboolean gst_hepar_inference_stop(GstBaseTransform* base) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(base));
  priv->model.Stop();
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->warnings.Reset();
  }
  priv->latency.Reset();
  priv->preparer = hepar::FramePreparer();
  gst_video_info_init(&priv->video_info);
  priv->stream.Reset();
  priv->warned_of_overlay = false;
  priv->live.reset();
  priv->warm_thread = std::thread::id();
  return TRUE;
}

static gboolean gst_hepar_inference_start(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  hepar::InferenceSettings settings;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    settings = priv->settings;
    priv->model.Start();  // From here on, another model is loaded in the background.
  }

  try {
    if (!settings.sector.empty()) hepar::SectorRule::Parse(settings.sector);
    if (!settings.engine.model.empty()) {
      const EngineRef engine = hepar::ModelSlot::Open(settings.engine);
      auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
      if (klass->warm_up != nullptr) klass->warm_up(self, *engine);
      priv->model.Own(engine);
      gst_hepar_inference_log_engine(self);
      gst_pad_push_event(GST_BASE_TRANSFORM_SRC_PAD(self), hepar::NewEngineEvent(engine));
    }
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self),
                     hepar::CurrentError().With(gst_hepar_inference_describe(settings.engine)));
    gst_hepar_inference_stop(base);
    return FALSE;
  }
  return TRUE;
}

static void gst_hepar_inference_reset(GstHeparInference* self) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  priv->preparer.Reset();
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
  if (klass->reset != nullptr) klass->reset(self);
}

static gboolean gst_hepar_inference_set_caps(GstBaseTransform* base, GstCaps* caps,
                                             GstCaps*) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps)) {
    GST_WARNING_OBJECT(self, "cannot read the caps %" GST_PTR_FORMAT, static_cast<void*>(caps));
    return FALSE;
  }
  // A new frame rate alone does not change what is in the picture.
  const bool same = hepar::SamePicture(info, priv->video_info);
  priv->video_info = info;
  if (!same) gst_hepar_inference_reset(self);
  return TRUE;
}

// Takes the engine that upstream announced, unless a model is set here. Returns whether the event
// goes on downstream.
static bool gst_hepar_inference_take_announced(GstHeparInference* self, GstEvent* event) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  const EngineRef engine = hepar::ParseEngineEvent(event);
  if (engine == nullptr) return true;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (!priv->settings.engine.model.empty()) return false;
    priv->model.Announce(engine);
  }
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
  if (klass->warm_up != nullptr) klass->warm_up(self, *engine);
  return true;
}

static gboolean gst_hepar_inference_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);

  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
      try {
        if (!gst_hepar_inference_take_announced(self, event)) {
          gst_event_unref(event);
          return TRUE;
        }
      } catch (...) {
        // The first frame will fail the same way, and be reported then.
        GST_WARNING_OBJECT(self, "warm-up failed: %s", hepar::CurrentError().what());
      }
      break;
    case GST_EVENT_STREAM_START:
      priv->live.reset();
      if (priv->stream.Update(event)) {
        priv->warned_of_overlay = false;
        gst_hepar_inference_reset(self);
      }
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_hepar_inference_reset(self);
      break;
    case GST_EVENT_SEGMENT: {
      GstSegment segment;
      gst_event_copy_segment(event, &segment);
      segment.position = base->segment.position;  // The base class moves it with each buffer.
      if (!gst_segment_is_equal(&segment, &base->segment)) gst_hepar_inference_reset(self);
      break;
    }
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_inference_parent_class)->sink_event(base, event);
}

static gboolean gst_hepar_inference_query(GstBaseTransform* base, GstPadDirection direction,
                                          GstQuery* query) noexcept {
  const gboolean answered =
      GST_BASE_TRANSFORM_CLASS(gst_hepar_inference_parent_class)->query(base, direction, query);
  if (!answered || direction != GST_PAD_SRC || GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) {
    return answered;
  }

  gboolean live;
  GstClockTime min;
  GstClockTime max;
  gst_query_parse_latency(query, &live, &min, &max);
  if (!live) return TRUE;
  const GstClockTime own =
      gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(base))->latency.announced();
  GST_DEBUG_OBJECT(base, "adding a latency of %" GST_TIME_FORMAT, GST_TIME_ARGS(own));
  gst_query_set_latency(query, TRUE, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
  return TRUE;
}

// Decides which engine this frame is for.
static void gst_hepar_inference_choose_engine(GstHeparInference* self, GstBuffer* buffer) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  const auto frame = gst_buffer_get_hepar_frame(buffer);
  const EngineRef before = priv->model.engine();
  const hepar::ModelSlot::Choice choice =
      priv->model.Choose(frame ? frame->engine().shared_from_this() : nullptr);
  const EngineRef& engine = priv->model.engine();

  if (choice.gave_up) GST_INFO_OBJECT(self, "using the model of upstream from now on");
  if (engine == nullptr) {
    throw hepar::Error(hepar::ErrorKind::kNotFound,
                       "no model: set model= here or put heparcolorspace or hepardecouple with "
                       "model= upstream");
  }
  if (engine != before) gst_hepar_inference_log_engine(self);
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
  if (choice.changed && klass->engine_changed != nullptr) klass->engine_changed(self);
  if (choice.replaced) {
    GstStructure* structure = gst_structure_new(
        "hepar-model-changed", "old-id", G_TYPE_STRING, choice.replaced->old_id.c_str(), "new-id",
        G_TYPE_STRING, engine->spec().id.c_str(), "location", G_TYPE_STRING,
        choice.replaced->location.c_str(), nullptr);
    gst_element_post_message(GST_ELEMENT(self),
                             gst_message_new_element(GST_OBJECT(self), structure));
  }
}

// The network would see the panel in the picture.
static void gst_hepar_inference_check_overlay(GstHeparInference* self, GstBuffer* buffer) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (priv->warned_of_overlay || !gst_buffer_has_hepar_overlay(buffer)) return;
  priv->warned_of_overlay = true;
  hepar::PostWarning(
      GST_ELEMENT(self),
      hepar::Error(hepar::ErrorKind::kMismatch,
                   "heparoverlay upstream has drawn into the picture, and its panel changes the "
                   "grade: put heparoverlay downstream of the elements that prepare and grade"));
}

// The rule for a frame; "" is the model's own. What the source knows of the scanner wins over a
// search, but not over a rectangle that somebody chose.
static std::string gst_hepar_inference_choose_sector(GstHeparInference* self, GstBuffer* buffer,
                                                     const hepar::FrameView& view) {
  std::string sector = gst_hepar_inference_get_sector(self);
  GstHeparScan scan;
  if (!gst_buffer_get_hepar_scan(buffer, &scan) || scan.frame_width != view.width ||
      scan.frame_height != view.height) {
    return sector;
  }
  const hepar::Engine& engine = *gst_hepar_inference_get_private(self)->model.engine();
  const hepar::SectorRule rule =
      sector.empty() ? engine.spec().preprocess.sector : hepar::SectorRule::Parse(sector);
  if (rule.kind != hepar::SectorRule::Kind::kAuto) return sector;
  hepar::SectorRule known;
  known.kind = hepar::SectorRule::Kind::kFixed;
  known.fixed = {scan.x, scan.y, scan.width, scan.height};
  return known.ToString();
}

std::shared_ptr<hepar::FrameInference> gst_hepar_inference_prepare(GstHeparInference* self,
                                                                   GstBuffer* buffer,
                                                                   hepar::LazyFrame* picture) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  const bool had_wrong_range = priv->preparer.has_wrong_range();
  const hepar::FrameView& view = picture->view();
  auto frame = priv->preparer.Prepare(priv->model.engine(),
                                      gst_hepar_inference_choose_sector(self, buffer, view), view);
  gst_buffer_set_hepar_frame(buffer, frame);
  if (priv->preparer.has_wrong_range() && !had_wrong_range) {
    hepar::PostWarning(GST_ELEMENT(self),
                       hepar::Error(hepar::ErrorKind::kMismatch,
                                    "the caps say that black is 16 (video range), but much of the "
                                    "picture is darker: it is read as full range from now on; to "
                                    "fix this, let the source set colorimetry with range 1"));
  }
  gst_hepar_inference_check_overlay(self, buffer);
  return frame;
}

std::shared_ptr<hepar::FrameInference> gst_hepar_inference_get_frame(GstHeparInference* self,
                                                                     GstBuffer* buffer,
                                                                     hepar::LazyFrame* picture) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  auto frame = gst_buffer_get_hepar_frame(buffer);
  if (frame != nullptr && &frame->engine() == priv->model.engine().get()) return frame;
  return priv->model.owns() ? gst_hepar_inference_prepare(self, buffer, picture) : nullptr;
}

void gst_hepar_inference_set_sector(GstHeparInference* self, const std::string& sector) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->settings.sector = sector;
}

void gst_hepar_inference_seed_latency(GstHeparInference* self, GstClockTime latency) {
  gst_hepar_inference_get_private(self)->latency.Seed(latency);
}

std::string gst_hepar_inference_get_sector(GstHeparInference* self) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  return priv->settings.sector;
}

bool gst_hepar_inference_is_live(GstHeparInference* self) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (!priv->live) {
    gboolean live = FALSE;
    g_autoptr(GstQuery) query = gst_query_new_latency();
    if (gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query)) {
      gst_query_parse_latency(query, &live, nullptr, nullptr);
    }
    priv->live = live;
    GST_DEBUG_OBJECT(self, "upstream is %s", live ? "live" : "not live");
  }
  return *priv->live;
}

const GstVideoInfo& gst_hepar_inference_get_video_info(GstHeparInference* self) {
  return gst_hepar_inference_get_private(self)->video_info;
}

std::string gst_hepar_inference_get_backend(GstHeparInference* self) {
  return gst_hepar_inference_get_private(self)->model.backend();
}

GstFlowReturn gst_hepar_inference_frame_failed(GstHeparInference* self,
                                               const hepar::ReportedError& error,
                                               const hepar::CodePlace& place) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  GstHeparOnError policy;
  bool post = true;
  // No later frame could succeed.
  const bool lost = priv->model.device_lost();
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    policy = priv->settings.on_error;
    if (policy == GST_HEPAR_ON_ERROR_WARN) {
      post = priv->warnings.Allow(error.what(), g_get_monotonic_time());
    }
  }
  if (policy == GST_HEPAR_ON_ERROR_ERROR || lost) {
    hepar::PostError(GST_ELEMENT(self), error, place);
    return GST_FLOW_ERROR;
  }
  GST_WARNING_OBJECT(self, "a frame failed: %s", error.what());
  if (post) hepar::PostWarning(GST_ELEMENT(self), error, place);
  return GST_FLOW_OK;
}

// The first passes of a network on a thread are many times slower than later ones.
static void gst_hepar_inference_warm_thread(GstHeparInference* self) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (priv->warm_thread == std::this_thread::get_id()) return;
  const EngineRef& engine = priv->model.engine();
  engine->WarmUp();
  const auto begin = std::chrono::steady_clock::now();
  engine->WarmUp(1);
  priv->latency.Seed(Nanoseconds(std::chrono::steady_clock::now() - begin));
  priv->warm_thread = std::this_thread::get_id();
  GST_DEBUG_OBJECT(self, "warm; one frame takes %" GST_TIME_FORMAT,
                   GST_TIME_ARGS(priv->latency.announced()));
}

static GstFlowReturn gst_hepar_inference_transform_ip(GstBaseTransform* base,
                                                      GstBuffer* buffer) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);

  try {
    gst_hepar_inference_choose_engine(self, buffer);
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    return GST_FLOW_ERROR;
  }

  GstFlowReturn flow;
  auto begin = std::chrono::steady_clock::now();
  try {
    if (klass->runs_network != nullptr && klass->runs_network(self)) {
      gst_hepar_inference_warm_thread(self);
      begin = std::chrono::steady_clock::now();
    }
    hepar::LazyFrame picture(buffer, priv->video_info);
    flow = klass->process(self, buffer, &picture);
  } catch (...) {
    flow = gst_hepar_inference_frame_failed(self, hepar::CurrentError());
  }

  const GstClockTime held = Nanoseconds(std::chrono::steady_clock::now() - begin);
  GST_LOG_OBJECT(self, "held a frame for %" GST_TIME_FORMAT, GST_TIME_ARGS(held));
  if (priv->latency.Add(held) && gst_hepar_inference_is_live(self)) {
    GST_INFO_OBJECT(self, "latency is now %" GST_TIME_FORMAT,
                    GST_TIME_ARGS(priv->latency.announced()));
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  }
  return flow;
}

static void gst_hepar_inference_finalize(GObject* object) noexcept {
  gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(object))->~GstHeparInferencePrivate();
  G_OBJECT_CLASS(gst_hepar_inference_parent_class)->finalize(object);
}

static void gst_hepar_inference_init(GstHeparInference* self) {
  new (gst_hepar_inference_get_private(self)) GstHeparInferencePrivate;
  gst_video_info_init(&gst_hepar_inference_get_private(self)->video_info);
}

static void gst_hepar_inference_class_init(GstHeparInferenceClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);

  object_class->set_property = gst_hepar_inference_set_property;
  object_class->get_property = gst_hepar_inference_get_property;
  object_class->finalize = gst_hepar_inference_finalize;

  hepar::InferenceSettings::InstallProperties(object_class);

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);

  transform_class->start = GST_DEBUG_FUNCPTR(gst_hepar_inference_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_inference_stop);
  transform_class->set_caps = GST_DEBUG_FUNCPTR(gst_hepar_inference_set_caps);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_hepar_inference_sink_event);
  transform_class->query = GST_DEBUG_FUNCPTR(gst_hepar_inference_query);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_hepar_inference_transform_ip);

  gst_type_mark_as_plugin_api(gst_hepar_inference_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_on_error_get_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(gst_hepar_precision_get_type(), static_cast<GstPluginAPIFlags>(0));
}
