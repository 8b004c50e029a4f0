// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparinference.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "elements/error_message.h"
#include "elements/gstheparframemeta.h"
#include "elements/latency_meter.h"
#include "elements/newest_worker.h"
#include "models/engine/device.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_inference_debug);
#define GST_CAT_DEFAULT gst_hepar_inference_debug

namespace {

using EngineRef = std::shared_ptr<const hepar::Engine>;

// Tells elements downstream, before there is a frame, which engine the frames will come with.
constexpr char kEngineEvent[] = "hepar-engine";

// The same warning is repeated at most this often.
constexpr gint64 kWarningInterval = G_TIME_SPAN_SECOND;

struct Settings {
  std::string model;
  std::string device = "auto";
  hepar::Precision precision = hepar::Precision::kFp32;
  GstHeparOnError on_error = GST_HEPAR_ON_ERROR_WARN;
  std::string sector;
};

// A model that was loaded while playing and waits for the next frame.
struct Exchange {
  EngineRef engine;  // Null: adopt upstream's from now on.
  std::string location;
};

// Several threads call LibTorch here (streaming threads, workers), each with a pool of its own;
// with as many threads in each as there are cores, the pools spin against each other.
// OMP_NUM_THREADS goes first, as everywhere.
void LimitThreads() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (g_getenv("OMP_NUM_THREADS") != nullptr) return;
    hepar::SetIntraOpThreads(
        std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 4));
  });
}

EngineRef OpenEngine(const Settings& settings) {
  LimitThreads();
  hepar::EngineConfig config;
  config.model = settings.model;
  config.device = settings.device;
  config.precision = settings.precision;
  return hepar::Engine::Open(config);
}

gpointer CopyEngineRef(gpointer boxed) { return new EngineRef(*static_cast<EngineRef*>(boxed)); }
void FreeEngineRef(gpointer boxed) { delete static_cast<EngineRef*>(boxed); }

GType EngineRefType() {
  static const GType type =
      g_boxed_type_register_static("GstHeparEngineRef", CopyEngineRef, FreeEngineRef);
  return type;
}

GstClockTime Nanoseconds(std::chrono::steady_clock::duration time) {
  return static_cast<GstClockTime>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

}  // namespace

// GObject zeroes this and runs no constructor: init and finalize do.
struct GstHeparInferencePrivate {
  std::mutex mutex;  // Guards the members up to the next comment. Never held while posting.
  Settings settings;
  bool started = false;
  EngineRef announced;               // By upstream's event, for as long as no model is set here.
  std::optional<Exchange> exchange;  // Set by the loader, taken by the streaming thread.
  guint64 load_request = 0;          // Of the newest load; older ones are of no use.
  std::string actual_device;
  std::string last_warning;
  gint64 last_warning_time = 0;

  hepar::NewestWorker loader;   // Gets jobs under `mutex` while started.
  hepar::LatencyMeter latency;  // Written by the streaming thread; reads need no lock.

  // The streaming thread's own (and start's and stop's, when there is none).
  bool owns_model = false;  // The engine comes from `model`, not from upstream.
  EngineRef engine;
  std::optional<hepar::Preprocessor> preprocessor;
  EngineRef preprocessor_engine;
  std::string preprocessor_sector;
  GstVideoInfo video_info;
  std::optional<bool> live;
  std::thread::id warm_thread;
};

G_DEFINE_ABSTRACT_TYPE_WITH_CODE(GstHeparInference, gst_hepar_inference, GST_TYPE_BASE_TRANSFORM,
                                 G_ADD_PRIVATE(GstHeparInference)
                                     GST_DEBUG_CATEGORY_INIT(gst_hepar_inference_debug,
                                                             "heparinference", 0,
                                                             "Model and frame handling"))

enum { PROP_MODEL = 1, PROP_DEVICE, PROP_PRECISION, PROP_ON_ERROR, PROP_ACTUAL_DEVICE };

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));

GType gst_hepar_on_error_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_HEPAR_ON_ERROR_WARN, "Post a warning and let the frame pass", "warn"},
        {GST_HEPAR_ON_ERROR_ERROR, "Post an error and stop", "error"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparOnError", values);
  }();
  return type;
}

GType gst_hepar_precision_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {static_cast<gint>(hepar::Precision::kFp32), "32-bit floating point", "fp32"},
        {static_cast<gint>(hepar::Precision::kBf16), "16-bit brain floating point", "bf16"},
        {static_cast<gint>(hepar::Precision::kFp16), "16-bit floating point", "fp16"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparPrecision", values);
  }();
  return type;
}

static GstHeparInferencePrivate* gst_hepar_inference_get_private(GstHeparInference* self) {
  return static_cast<GstHeparInferencePrivate*>(gst_hepar_inference_get_instance_private(self));
}

// Loads the model of `settings` while playing; the loader's thread.
static void gst_hepar_inference_load(GstHeparInference* self, const Settings& settings,
                                     guint64 request) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  try {
    Exchange exchange;
    exchange.location = settings.model;
    if (!settings.model.empty()) {
      exchange.engine = OpenEngine(settings);
      exchange.engine->WarmUp();
    }
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (request == priv->load_request) priv->exchange = std::move(exchange);
  } catch (...) {
    const hepar::Error error = hepar::CurrentError();
    hepar::PostWarning(
        GST_ELEMENT(self),
        hepar::Error(error.kind(), "the model was not changed, the old one goes on: " +
                                       std::string(error.what())));
  }
}

static void gst_hepar_inference_set_model(GstHeparInference* self, const char* model) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->settings.model = model ? model : "";
  if (!priv->started) return;
  priv->loader.Submit([self, settings = priv->settings, request = ++priv->load_request] {
    gst_hepar_inference_load(self, settings, request);
  });
}

static void gst_hepar_inference_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* pspec) noexcept {
  auto* self = GST_HEPAR_INFERENCE(object);
  if (id == PROP_MODEL) {
    try {
      gst_hepar_inference_set_model(self, g_value_get_string(value));
    } catch (...) {
      hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
    }
    return;
  }

  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;
  switch (id) {
    case PROP_DEVICE: {
      const char* device = g_value_get_string(value);
      settings.device = device ? device : Settings().device;
      break;
    }
    case PROP_PRECISION:
      settings.precision = static_cast<hepar::Precision>(g_value_get_enum(value));
      break;
    case PROP_ON_ERROR:
      settings.on_error = static_cast<GstHeparOnError>(g_value_get_enum(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_inference_get_property(GObject* object, guint id, GValue* value,
                                             GParamSpec* pspec) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(object));
  std::lock_guard<std::mutex> lock(priv->mutex);
  const Settings& settings = priv->settings;
  switch (id) {
    case PROP_MODEL:
      g_value_set_string(value, settings.model.empty() ? nullptr : settings.model.c_str());
      break;
    case PROP_DEVICE:
      g_value_set_string(value, settings.device.c_str());
      break;
    case PROP_PRECISION:
      g_value_set_enum(value, static_cast<gint>(settings.precision));
      break;
    case PROP_ON_ERROR:
      g_value_set_enum(value, settings.on_error);
      break;
    case PROP_ACTUAL_DEVICE:
      g_value_set_string(value,
                         priv->actual_device.empty() ? nullptr : priv->actual_device.c_str());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_inference_use_engine(GstHeparInference* self, EngineRef engine) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->actual_device = engine->device();
  }
  GST_INFO_OBJECT(self, "using model %s (%s) on %s", engine->spec().name.c_str(),
                  engine->spec().id.c_str(), engine->device().c_str());
  const bool exchanged = priv->engine != nullptr;
  priv->engine = std::move(engine);
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
  if (exchanged && klass->engine_changed != nullptr) klass->engine_changed(self);
}

static void gst_hepar_inference_announce(GstHeparInference* self, const EngineRef& engine) {
  GstStructure* structure =
      gst_structure_new(kEngineEvent, "engine", EngineRefType(), &engine, nullptr);
  gst_pad_push_event(GST_BASE_TRANSFORM_SRC_PAD(self),
                     gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, structure));
}

static gboolean gst_hepar_inference_stop(GstBaseTransform* base) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(GST_HEPAR_INFERENCE(base));
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->started = false;
  }
  priv->loader.Stop();  // A model that is being loaded must not come after this.

  std::lock_guard<std::mutex> lock(priv->mutex);
  priv->announced.reset();
  priv->exchange.reset();
  priv->actual_device.clear();
  priv->last_warning.clear();
  priv->latency.Reset();
  priv->owns_model = false;
  priv->engine.reset();
  priv->preprocessor.reset();
  priv->preprocessor_engine.reset();
  priv->live.reset();
  priv->warm_thread = std::thread::id();
  return TRUE;
}

static gboolean gst_hepar_inference_start(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  Settings settings;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    settings = priv->settings;
    priv->started = true;  // From here on, another model is an exchange.
  }

  try {
    if (!settings.sector.empty()) hepar::SectorRule::Parse(settings.sector);
    if (!settings.model.empty()) {
      EngineRef engine = OpenEngine(settings);
      auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
      if (klass->warm_up != nullptr) klass->warm_up(self, *engine);
      gst_hepar_inference_use_engine(self, engine);
      priv->owns_model = true;
      gst_hepar_inference_announce(self, engine);
    }
  } catch (...) {
    hepar::PostError(GST_ELEMENT(self), hepar::CurrentError());
    gst_hepar_inference_stop(base);
    return FALSE;
  }
  return TRUE;
}

static void gst_hepar_inference_reset(GstHeparInference* self) noexcept {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (priv->preprocessor) priv->preprocessor->Reset();
  auto* klass = GST_HEPAR_INFERENCE_GET_CLASS(self);
  if (klass->reset != nullptr) klass->reset(self);
}

static gboolean gst_hepar_inference_set_caps(GstBaseTransform* base, GstCaps* caps,
                                             GstCaps*) noexcept {
  auto* self = GST_HEPAR_INFERENCE(base);
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (!gst_video_info_from_caps(&priv->video_info, caps)) {
    GST_WARNING_OBJECT(self, "cannot read the caps %" GST_PTR_FORMAT, static_cast<void*>(caps));
    return FALSE;
  }
  gst_hepar_inference_reset(self);
  return TRUE;
}

// Takes the engine that upstream announced, unless a model is set here; returns whether elements
// further down should hear of it too.
static bool gst_hepar_inference_take_announced(GstHeparInference* self, GstEvent* event) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  const GValue* value = gst_structure_get_value(gst_event_get_structure(event), "engine");
  if (value == nullptr || !G_VALUE_HOLDS(value, EngineRefType())) return true;
  const EngineRef engine = *static_cast<const EngineRef*>(g_value_get_boxed(value));
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    if (!priv->settings.model.empty()) return false;
    priv->announced = engine;
    priv->actual_device = engine->device();
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
      if (!gst_event_has_name(event, kEngineEvent)) break;
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
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_hepar_inference_reset(self);
      break;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment;
      gst_event_parse_segment(event, &segment);
      if (!gst_segment_is_equal(segment, &base->segment)) gst_hepar_inference_reset(self);
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
  std::optional<Exchange> exchange;
  EngineRef announced;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    exchange = std::exchange(priv->exchange, std::nullopt);
    announced = std::exchange(priv->announced, nullptr);
  }

  if (exchange) {
    priv->owns_model = exchange->engine != nullptr;
    if (!priv->owns_model) {
      GST_INFO_OBJECT(self, "adopting the model of upstream from now on");
      priv->engine.reset();
    } else if (exchange->engine != priv->engine) {
      const std::string old_id = priv->engine ? priv->engine->spec().id : "";
      gst_hepar_inference_use_engine(self, exchange->engine);
      GstStructure* structure =
          gst_structure_new("hepar-model-changed", "old-id", G_TYPE_STRING, old_id.c_str(),
                            "new-id", G_TYPE_STRING, priv->engine->spec().id.c_str(), "location",
                            G_TYPE_STRING, exchange->location.c_str(), nullptr);
      gst_element_post_message(GST_ELEMENT(self),
                               gst_message_new_element(GST_OBJECT(self), structure));
    }
  }
  if (priv->owns_model) return;

  if (const auto frame = gst_buffer_get_hepar_frame(buffer)) {
    if (&frame->engine() != priv->engine.get()) {
      gst_hepar_inference_use_engine(self, frame->engine().shared_from_this());
    }
  } else if (priv->engine == nullptr && announced != nullptr) {
    gst_hepar_inference_use_engine(self, announced);
  }
  if (priv->engine == nullptr) {
    throw hepar::Error(hepar::ErrorKind::kNotFound,
                       "no model: set model= here or put heparcolorspace or hepardecouple with "
                       "model= upstream");
  }
}

std::shared_ptr<hepar::FrameInference> gst_hepar_inference_prepare(GstHeparInference* self,
                                                                   GstBuffer* buffer) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  const std::string sector = gst_hepar_inference_get_sector(self);
  if (!priv->preprocessor || priv->preprocessor_engine != priv->engine ||
      priv->preprocessor_sector != sector) {
    hepar::PreprocessOptions options = priv->engine->spec().preprocess;
    if (!sector.empty()) options.sector = hepar::SectorRule::Parse(sector);
    priv->preprocessor.emplace(options);
    priv->preprocessor_engine = priv->engine;
    priv->preprocessor_sector = sector;
  }

  const hepar::MappedFrame mapped(buffer, priv->video_info);
  const bool had_wrong_range = priv->preprocessor->has_wrong_range();
  auto frame = priv->engine->Prepare(priv->preprocessor->Process(mapped.view()));
  gst_buffer_set_hepar_frame(buffer, frame);
  if (priv->preprocessor->has_wrong_range() && !had_wrong_range) {
    hepar::PostWarning(GST_ELEMENT(self),
                       hepar::Error(hepar::ErrorKind::kMismatch,
                                    "the caps say that black is 16 (video range), but much of the "
                                    "picture is darker: it is taken for full range from here on; "
                                    "to mend it, let the source set colorimetry with range 1"));
  }
  return frame;
}

std::shared_ptr<hepar::FrameInference> gst_hepar_inference_get_frame(GstHeparInference* self,
                                                                     GstBuffer* buffer) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  auto frame = gst_buffer_get_hepar_frame(buffer);
  if (frame != nullptr && &frame->engine() == priv->engine.get()) return frame;
  return priv->owns_model ? gst_hepar_inference_prepare(self, buffer) : nullptr;
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

GstFlowReturn gst_hepar_inference_frame_failed(GstHeparInference* self, const hepar::Error& error) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  bool post = true;
  GstHeparOnError policy;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    policy = priv->settings.on_error;
    if (policy == GST_HEPAR_ON_ERROR_WARN) {
      // Each frame may fail, and a bus that nobody reads fast enough grows without bound.
      const gint64 now = g_get_monotonic_time();
      post = priv->last_warning != error.what() || now - priv->last_warning_time > kWarningInterval;
      if (post) {
        priv->last_warning = error.what();
        priv->last_warning_time = now;
      }
    }
  }
  if (policy == GST_HEPAR_ON_ERROR_ERROR) {
    hepar::PostError(GST_ELEMENT(self), error);
    return GST_FLOW_ERROR;
  }
  GST_WARNING_OBJECT(self, "a frame failed: %s", error.what());
  if (post) hepar::PostWarning(GST_ELEMENT(self), error);
  return GST_FLOW_OK;
}

// Networks are many times slower in a thread's first passes than later.
static void gst_hepar_inference_warm_thread(GstHeparInference* self) {
  GstHeparInferencePrivate* priv = gst_hepar_inference_get_private(self);
  if (priv->warm_thread == std::this_thread::get_id()) return;
  priv->engine->WarmUp();
  const auto begin = std::chrono::steady_clock::now();
  priv->engine->WarmUp(1);
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
    flow = klass->process(self, buffer);
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

  /**
   * GstHeparInference:model:
   *
   * The model bundle (.hepar) to use. Unset, the element adopts model, device and precision of the
   * handle that an element upstream attached. Set while playing, the new model is loaded, checked
   * and warmed up in the background and takes over between two frames, with an element message
   * `hepar-model-changed` (old-id, new-id, location); when that fails, a warning says why and the
   * old model goes on.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_MODEL,
      g_param_spec_string("model", "Model", "Model bundle (.hepar) to use; unset adopts upstream's",
                          nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:device:
   *
   * Where the model that is set here runs: `auto` (the first CUDA device that works, else the CPU),
   * `cpu`, `cuda` or `cuda:N`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_DEVICE,
      g_param_spec_string("device", "Device",
                          "Where the model set here runs: auto, cpu, cuda or cuda:N",
                          Settings().device.c_str(),
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparInference:precision:
   *
   * The number format that the model that is set here runs in.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_PRECISION,
      g_param_spec_enum("precision", "Precision", "Number format the model set here runs in",
                        gst_hepar_precision_get_type(), static_cast<gint>(Settings().precision),
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparInference:on-error:
   *
   * What becomes of a frame that fails: `warn` posts a warning (the same one once a second at most)
   * and lets the frame pass, `error` posts an error and stops. A model that cannot be opened when
   * the element starts is always an error.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_ON_ERROR,
      g_param_spec_enum("on-error", "On error", "What to do when a frame fails",
                        gst_hepar_on_error_get_type(), Settings().on_error,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_PLAYING)));
  /**
   * GstHeparInference:actual-device:
   *
   * The device really in use, `cpu` or `cuda:N`; unset when there is no model.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_ACTUAL_DEVICE,
      g_param_spec_string("actual-device", "Actual device", "Device really in use", nullptr,
                          static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));

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
