// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparclassify
 * @title: heparclassify
 * @short_description: Grades fatty liver on ultrasound video
 * @see_also: heparcolorspace, hepardecouple, heparoverlay, heparbin
 *
 * Grades each frame (normal, mild, moderate, severe), smooths the scores over time, decides, and
 * attaches the severity as a `HeparSeverityMeta`. The video passes through untouched. Alone it does
 * everything itself; after heparcolorspace or hepardecouple it goes on from what they made.
 * For research use only.
 *
 * In mode `sync` each frame is graded before it goes on. In mode `newest` the picture never waits:
 * a worker grades the newest frame, older ones are skipped and counted, and each frame carries the
 * last result with its age. Late frames (QoS) and those between two of `interval` carry it too.
 *
 * A grade is only given where it can be trusted. Under the confidence that the model (or
 * `min-confidence`) asks for the label is "uncertain". Where the model knows what its own pictures
 * look like and the view is none of these, it is "not a liver view"; `check-view` switches that
 * off.
 *
 * Element messages on the bus:
 * - `hepar-severity`, on each change of grade or state: the fields of the meta, `stream-time` and
 *   `running-time` of the frame that was graded;
 * - `hepar-stats`, once a second with `post-stats`: the fields of `stats`;
 * - `hepar-summary`, at the end of the stream: the last severity, `frames`, `graded`, `skipped`,
 *   `errors`, `mean-probabilities` (of views of the liver), `seconds` of video for each grade,
 *   `uncertain-seconds` and `not-liver-seconds`;
 * - `hepar-model-changed`, when another model that was set while playing took over: `old-id`,
 *   `new-id`, `location`.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -m heparsimsrc ! heparclassify model=liver.hepar ! videoconvert ! autovideosink
 * ]| Grades simulated scans live and prints each change of grade.
 *
 * Since: 0.1
 */

#include "elements/gstheparclassify.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elements/error_message.h"
#include "elements/gstheparframemeta.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/scene_cut.h"
#include "elements/value_array.h"
#include "models/decision/severity_smoother.h"
#include "models/engine/batch_runner.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_classify_debug);
#define GST_CAT_DEFAULT gst_hepar_classify_debug

enum GstHeparMode { GST_HEPAR_MODE_AUTO, GST_HEPAR_MODE_SYNC, GST_HEPAR_MODE_NEWEST };

namespace {

constexpr char kUncertain[] = "uncertain";
constexpr char kNotLiver[] = "not a liver view";

// However late the sink says that frames are, one is graded this often.
constexpr GstClockTime kLongestWithoutGrade = GST_SECOND;

constexpr gint64 kStatsInterval = G_TIME_SPAN_SECOND;

// For streams that have neither durations nor a frame rate.
constexpr GstClockTime kDefaultDuration = 40 * GST_MSECOND;

struct Settings {
  GstHeparMode mode = GST_HEPAR_MODE_AUTO;
  guint interval = 1;
  double smoothing = 1.0;
  double min_confidence = 0.0;
  bool check_view = true;
  bool post_stats = false;
  hepar::BatchOptions batch;
};

guint Milliseconds(std::chrono::microseconds time) {
  return static_cast<guint>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// When a frame is shown; made up from durations where a buffer has no timestamp.
struct Moment {
  GstClockTime stream_time = 0;
  GstClockTime running_time = 0;
  GstClockTime duration = 0;
};

// One frame that is graded or was.
struct Grading {
  std::shared_ptr<hepar::FrameInference> frame;
  Moment moment;
  guint64 number = 0;      // Of the frame in the stream.
  guint64 generation = 0;  // Results of another than the present one are stale.
  std::optional<hepar::Error> error;
};

class Stats {
 public:
  guint64 frames = 0;
  guint64 graded = 0;
  guint64 skipped = 0;
  guint64 errors = 0;

  void AddFrame(gint64 now) {
    arrivals_[frames % arrivals_.size()] = now;
    ++frames;
  }

  void AddGraded(double inference_ms) {
    inference_ms_[graded % inference_ms_.size()] = inference_ms;
    ++graded;
  }

  GstStructure* ToStructure() const {
    std::vector<double> ms(inference_ms_.begin(),
                           inference_ms_.begin() + static_cast<std::ptrdiff_t>(std::min<guint64>(
                                                       graded, inference_ms_.size())));
    std::sort(ms.begin(), ms.end());
    const auto percentile = [&ms](std::size_t percent) {
      return ms.empty() ? 0.0 : ms[(ms.size() - 1) * percent / 100];
    };
    const double mean =
        ms.empty() ? 0.0
                   : std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
    return gst_structure_new("hepar-stats", "frames", G_TYPE_UINT64, frames, "graded",
                             G_TYPE_UINT64, graded, "skipped", G_TYPE_UINT64, skipped, "errors",
                             G_TYPE_UINT64, errors, "inference-mean", G_TYPE_DOUBLE, mean,
                             "inference-p50", G_TYPE_DOUBLE, percentile(50), "inference-p99",
                             G_TYPE_DOUBLE, percentile(99), "inference-max", G_TYPE_DOUBLE,
                             percentile(100), "fps", G_TYPE_DOUBLE, Fps(), nullptr);
  }

 private:
  double Fps() const {
    if (frames < 2) return 0.0;
    const gint64 newest = arrivals_[(frames - 1) % arrivals_.size()];
    const guint64 count = std::min<guint64>(frames, arrivals_.size());
    const gint64 oldest = arrivals_[(frames - count) % arrivals_.size()];
    return newest == oldest ? 0.0
                            : static_cast<double>(count - 1) * G_TIME_SPAN_SECOND /
                                  static_cast<double>(newest - oldest);
  }

  std::array<gint64, 64> arrivals_ = {};       // Monotonic time, us.
  std::array<double, 512> inference_ms_ = {};  // Of the last frames that were graded.
};

// What the end of the stream is told about all of it.
struct Summary {
  std::vector<double> probability_sums;
  guint64 graded = 0;
  std::vector<double> seconds;
  double uncertain_seconds = 0.0, not_liver_seconds = 0.0;

  void AddGraded(const std::vector<double>& probabilities) {
    if (probability_sums.size() != probabilities.size()) {
      // A model with other classes: what came before cannot be added to it.
      *this = Summary();
      probability_sums.resize(probabilities.size());
      seconds.resize(probabilities.size());
    }
    for (std::size_t i = 0; i < probabilities.size(); ++i) probability_sums[i] += probabilities[i];
    ++graded;
  }

  void AddSeconds(const GstHeparSeverity& severity, double duration) {
    switch (severity.state) {
      case GstHeparState::kGraded:
        seconds[static_cast<std::size_t>(severity.grade)] += duration;
        break;
      case GstHeparState::kUncertain:
        uncertain_seconds += duration;
        break;
      case GstHeparState::kNotLiver:
        not_liver_seconds += duration;
        break;
    }
  }

  std::vector<double> MeanProbabilities() const {
    std::vector<double> mean = probability_sums;
    for (double& value : mean) value /= static_cast<double>(graded);
    return mean;
  }
};

// The severity that the buffers carry, and where it comes from.
struct Result {
  GstHeparSeverity severity;
  std::shared_ptr<hepar::FrameInference> frame;
  Moment moment;
  guint64 number = 0;
};

// Runs the network, or takes what is ready; any thread. Leaves errors in `grading`.
void Grade(Grading* grading) noexcept {
  try {
    grading->frame->Classify();
  } catch (...) {
    grading->error = hepar::CurrentError();
  }
}

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparClassifyPrivate {
  std::mutex mutex;  // Guards settings and stats. Never held while posting.
  Settings settings;
  std::optional<Stats> stats;  // From the first start on.

  // Grown by whoever makes results in flight stale: flush, seek, new caps, another model.
  std::atomic<guint64> generation{0};
  std::atomic<GstClockTime> earliest_time{GST_CLOCK_TIME_NONE};  // By QoS: before, it is too late.

  GstHeparMode mode = GST_HEPAR_MODE_AUTO;  // Of the present run, from start to stop.
  hepar::BatchOptions batch;                // Likewise.

  // Where frames are graded off the streaming thread. Replaced by the streaming thread, or by start
  // and stop when there is none; Drop() is called from any thread.
  std::mutex stream_mutex;  // Guards the pointer.
  std::shared_ptr<hepar::BatchRunner::Stream> stream;
  std::vector<std::shared_ptr<hepar::BatchRunner::Stream>>
      retired;  // Of models before, still busy.
  std::mutex finished_mutex;
  std::vector<Grading> finished;  // By the runner, not seen by the streaming thread yet.

  // The streaming thread's own.
  std::optional<bool> newest;  // What `mode` comes to in this stream.
  hepar::SeveritySmoother smoother{hepar::SeveritySmoother::Options()};
  hepar::SceneCut scene_cut;
  guint64 scene_begin = 0;  // Number of the frame that the present scene began with.
  std::optional<Result> last;
  std::optional<std::string> posted_label;
  Summary summary;
  guint64 frame_number = 0;
  guint wait = 0;  // Frames to carry the last result before one is due, by `interval`.
  std::optional<GstClockTime> last_submitted;  // Running time.
  GstClockTime next_time = 0;                  // Where a buffer without timestamp belongs.
  gint64 stats_posted = 0;
};

struct _GstHeparClassify {
  GstHeparInference parent;
  GstHeparClassifyPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparClassify, gst_hepar_classify, GST_TYPE_HEPAR_INFERENCE,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_classify_debug, "heparclassify", 0,
                                                "Fatty liver grading"))
GST_ELEMENT_REGISTER_DEFINE(heparclassify, "heparclassify", GST_RANK_NONE, GST_TYPE_HEPAR_CLASSIFY)

enum {
  PROP_MODE = 1,
  PROP_INTERVAL,
  PROP_SMOOTHING,
  PROP_MIN_CONFIDENCE,
  PROP_CHECK_VIEW,
  PROP_STATS,
  PROP_POST_STATS,
  PROP_BATCH,
  PROP_BATCH_DEADLINE,
  PROP_THREADS
};

static GType gst_hepar_mode_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_HEPAR_MODE_AUTO, "newest when upstream is live, else sync", "auto"},
        {GST_HEPAR_MODE_SYNC, "Grade each frame before it goes on", "sync"},
        {GST_HEPAR_MODE_NEWEST, "Never hold a frame; grade the newest in a worker", "newest"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparMode", values);
  }();
  return type;
}

static Settings gst_hepar_classify_get_settings(GstHeparClassify* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_classify_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  Settings& settings = priv->settings;
  switch (id) {
    case PROP_MODE:
      settings.mode = static_cast<GstHeparMode>(g_value_get_enum(value));
      break;
    case PROP_INTERVAL:
      settings.interval = g_value_get_uint(value);
      break;
    case PROP_SMOOTHING:
      settings.smoothing = g_value_get_double(value);
      break;
    case PROP_MIN_CONFIDENCE:
      settings.min_confidence = g_value_get_double(value);
      break;
    case PROP_CHECK_VIEW:
      settings.check_view = g_value_get_boolean(value);
      break;
    case PROP_POST_STATS:
      settings.post_stats = g_value_get_boolean(value);
      break;
    case PROP_BATCH:
      settings.batch.max_batch = static_cast<int>(g_value_get_uint(value));
      break;
    case PROP_BATCH_DEADLINE:
      settings.batch.deadline = std::chrono::milliseconds(g_value_get_uint(value));
      break;
    case PROP_THREADS:
      settings.batch.threads = static_cast<int>(g_value_get_uint(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_classify_get_property(GObject* object, guint id, GValue* value,
                                            GParamSpec* pspec) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  const Settings& settings = priv->settings;
  switch (id) {
    case PROP_MODE:
      g_value_set_enum(value, settings.mode);
      break;
    case PROP_INTERVAL:
      g_value_set_uint(value, settings.interval);
      break;
    case PROP_SMOOTHING:
      g_value_set_double(value, settings.smoothing);
      break;
    case PROP_MIN_CONFIDENCE:
      g_value_set_double(value, settings.min_confidence);
      break;
    case PROP_CHECK_VIEW:
      g_value_set_boolean(value, settings.check_view);
      break;
    case PROP_STATS:
      g_value_take_boxed(value, priv->stats ? priv->stats->ToStructure() : nullptr);
      break;
    case PROP_POST_STATS:
      g_value_set_boolean(value, settings.post_stats);
      break;
    case PROP_BATCH:
      g_value_set_uint(value, static_cast<guint>(settings.batch.max_batch));
      break;
    case PROP_BATCH_DEADLINE:
      g_value_set_uint(value, Milliseconds(settings.batch.deadline));
      break;
    case PROP_THREADS:
      g_value_set_uint(value, static_cast<guint>(settings.batch.threads));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_classify_count_skipped(GstHeparClassify* self, guint64 count) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  if (self->priv->stats) self->priv->stats->skipped += count;
}

static void gst_hepar_classify_count_error(GstHeparClassify* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  if (self->priv->stats) ++self->priv->stats->errors;
}

// Makes what is in flight stale. Any thread.
static void gst_hepar_classify_drop_in_flight(GstHeparClassify* self) {
  GstHeparClassifyPrivate* priv = self->priv;
  ++priv->generation;
  std::shared_ptr<hepar::BatchRunner::Stream> stream;
  {
    std::lock_guard<std::mutex> lock(priv->stream_mutex);
    stream = priv->stream;
  }
  if (stream && stream->Drop()) gst_hepar_classify_count_skipped(self, 1);
}

// The stream for frames of `engine`, made anew when there is none or that of another model. The old
// one may still be busy; waiting for it would hold up the picture.
static hepar::BatchRunner::Stream& gst_hepar_classify_get_stream(GstHeparClassify* self,
                                                                 const hepar::Engine& engine) {
  GstHeparClassifyPrivate* priv = self->priv;
  auto& retired = priv->retired;
  retired.erase(std::remove_if(retired.begin(), retired.end(),
                               [](const auto& stream) { return stream->idle(); }),
                retired.end());
  if (priv->stream && &priv->stream->runner().engine() == &engine) return *priv->stream;

  const auto shared = engine.shared_from_this();
  auto runner = priv->batch.max_batch > 1
                    ? hepar::BatchRunner::Shared(shared, priv->batch)
                    : std::make_shared<hepar::BatchRunner>(shared, priv->batch);
  auto stream = std::make_shared<hepar::BatchRunner::Stream>(std::move(runner));
  std::lock_guard<std::mutex> lock(priv->stream_mutex);
  if (priv->stream) retired.push_back(std::move(priv->stream));
  priv->stream = std::move(stream);
  return *priv->stream;
}

static void gst_hepar_classify_reset(GstHeparInference* inference) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(inference);
  GstHeparClassifyPrivate* priv = self->priv;
  gst_hepar_classify_drop_in_flight(self);
  priv->smoother.Reset();
  priv->scene_cut.Reset();
  priv->last.reset();
  priv->posted_label.reset();
  priv->wait = 0;
  priv->last_submitted.reset();
  priv->next_time = 0;
  priv->earliest_time = GST_CLOCK_TIME_NONE;
}

static void gst_hepar_classify_engine_changed(GstHeparInference* inference) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(inference);
  gst_hepar_classify_drop_in_flight(self);
  self->priv->smoother.Reset();
}

static void gst_hepar_classify_warm_up(GstHeparInference* inference, const hepar::Engine& engine) {
  auto* self = GST_HEPAR_CLASSIFY(inference);
  GstHeparClassifyPrivate* priv = self->priv;
  if (priv->mode == GST_HEPAR_MODE_SYNC && priv->batch.max_batch == 1) {
    // Grading on the streaming thread, which does not run yet; only the latency is wanted here.
    engine.WarmUp();
    const gint64 begin = g_get_monotonic_time();
    engine.WarmUp(1);
    gst_hepar_inference_seed_latency(
        inference, static_cast<GstClockTime>(g_get_monotonic_time() - begin) * GST_USECOND);
    return;
  }
  gst_hepar_classify_get_stream(self, engine).runner().AwaitWarm();
}

// Waits for what runs.
static void gst_hepar_classify_end_streams(GstHeparClassify* self) {
  GstHeparClassifyPrivate* priv = self->priv;
  priv->retired.clear();
  std::shared_ptr<hepar::BatchRunner::Stream> stream;
  std::lock_guard<std::mutex> lock(priv->stream_mutex);
  std::swap(stream, priv->stream);
}

static gboolean gst_hepar_classify_stop(GstBaseTransform* base) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(base)->priv;
  gst_hepar_classify_end_streams(GST_HEPAR_CLASSIFY(base));
  priv->finished.clear();
  gst_hepar_classify_reset(GST_HEPAR_INFERENCE(base));
  priv->newest.reset();
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->stop(base);
}

static gboolean gst_hepar_classify_start(GstBaseTransform* base) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(base);
  GstHeparClassifyPrivate* priv = self->priv;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->mode = priv->settings.mode;
    priv->batch = priv->settings.batch;
    priv->stats.emplace();
  }
  priv->summary = Summary();
  priv->frame_number = 0;
  priv->scene_begin = 0;
  priv->stats_posted = g_get_monotonic_time();
  if (GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->start(base)) return TRUE;
  gst_hepar_classify_end_streams(self);
  return FALSE;
}

static bool gst_hepar_classify_is_newest(GstHeparClassify* self) noexcept {
  GstHeparClassifyPrivate* priv = self->priv;
  if (!priv->newest) {
    priv->newest = priv->mode == GST_HEPAR_MODE_NEWEST ||
                   (priv->mode == GST_HEPAR_MODE_AUTO &&
                    gst_hepar_inference_is_live(GST_HEPAR_INFERENCE(self)));
    GST_INFO_OBJECT(self, "grading %s", *priv->newest ? "the newest frame" : "each frame");
  }
  return *priv->newest;
}

static bool gst_hepar_classify_runs_network(GstHeparInference* inference) noexcept {
  return !gst_hepar_classify_is_newest(GST_HEPAR_CLASSIFY(inference));
}

static Moment gst_hepar_classify_get_moment(GstHeparClassify* self, GstBuffer* buffer) {
  GstHeparClassifyPrivate* priv = self->priv;
  const GstSegment* segment = &GST_BASE_TRANSFORM(self)->segment;
  const GstVideoInfo& info = gst_hepar_inference_get_video_info(GST_HEPAR_INFERENCE(self));

  Moment moment;
  moment.stream_time = gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  moment.running_time =
      gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) {
    moment.duration = GST_BUFFER_DURATION(buffer);
  } else if (GST_VIDEO_INFO_FPS_N(&info) > 0) {
    moment.duration = gst_util_uint64_scale_int(GST_SECOND, GST_VIDEO_INFO_FPS_D(&info),
                                                GST_VIDEO_INFO_FPS_N(&info));
  } else {
    moment.duration = kDefaultDuration;
  }
  if (!GST_CLOCK_TIME_IS_VALID(moment.stream_time)) moment.stream_time = priv->next_time;
  if (!GST_CLOCK_TIME_IS_VALID(moment.running_time)) moment.running_time = priv->next_time;
  priv->next_time = moment.running_time + moment.duration;
  return moment;
}

// What the decision comes to, in words and numbers.
static void gst_hepar_classify_describe(const hepar::SeveritySmoother::Decision& decision,
                                        const hepar::ModelSpec& spec, GstHeparSeverity* out) {
  out->grade = decision.grade.value_or(-1);
  if (decision.grade) {
    out->state = GstHeparState::kGraded;
    out->label = spec.class_names[static_cast<std::size_t>(out->grade)];
  } else {
    out->state = decision.out_of_domain ? GstHeparState::kNotLiver : GstHeparState::kUncertain;
    out->label = decision.out_of_domain ? kNotLiver : kUncertain;
  }
  out->probabilities.assign(decision.probabilities.begin(), decision.probabilities.end());
  out->class_names = spec.class_names;
  out->confidence = decision.confidence;
  out->trust = decision.trust;
  if (decision.domain_score && spec.out_of_domain_above) {
    out->domain_score = *decision.domain_score / *spec.out_of_domain_above;
  }
  out->model_name = spec.name;
  out->model_id = spec.id;
}

// Takes a result in: smooths, decides, and tells the bus when grade or state changed.
static void gst_hepar_classify_apply(GstHeparClassify* self, const Settings& settings,
                                     const Grading& grading) {
  GstHeparClassifyPrivate* priv = self->priv;
  const hepar::Severity& severity = grading.frame->Classify();  // Ready: returns at once.
  const hepar::ModelSpec& spec = grading.frame->engine().spec();
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->stats->AddGraded(severity.inference_ms);
  }

  if (priv->last && priv->last->number < priv->scene_begin && grading.number >= priv->scene_begin) {
    priv->smoother.Reset();
  }
  hepar::SeveritySmoother::Options options;
  options.seconds = settings.smoothing;
  options.min_confidence = std::max(settings.min_confidence, spec.abstain_below.value_or(0.0));
  if (settings.check_view) options.out_of_domain_above = spec.out_of_domain_above;
  priv->smoother.set_options(options);
  const auto& decision = priv->smoother.Update(
      severity.probabilities, static_cast<double>(grading.moment.running_time) / GST_SECOND,
      severity.domain_score);

  Result result;
  GstHeparSeverity& out = result.severity;
  gst_hepar_classify_describe(decision, spec, &out);
  out.raw_probabilities.assign(severity.probabilities.begin(), severity.probabilities.end());
  out.fresh = true;
  out.inference_time = static_cast<GstClockTime>(severity.inference_ms * GST_MSECOND);
  result.frame = grading.frame;
  result.moment = grading.moment;
  result.number = grading.number;
  if (!decision.out_of_domain) priv->summary.AddGraded(out.raw_probabilities);
  priv->last = std::move(result);

  const GstHeparSeverity& posted = priv->last->severity;
  if (priv->posted_label != posted.label) {
    priv->posted_label = posted.label;
    GST_INFO_OBJECT(self, "the label is now %s, confidence %.2f", posted.label.c_str(),
                    posted.confidence);
    GstStructure* structure = gst_hepar_severity_to_structure(posted, "hepar-severity");
    gst_structure_set(structure, "stream-time", G_TYPE_UINT64, grading.moment.stream_time,
                      "running-time", G_TYPE_UINT64, grading.moment.running_time, nullptr);
    gst_element_post_message(GST_ELEMENT(self),
                             gst_message_new_element(GST_OBJECT(self), structure));
  }
}

// Attaches the last result to a buffer that was not graded. Without one, the handle is taken away
// too: whoever asked it for a feature view would run the network on the streaming thread.
static void gst_hepar_classify_carry_over(GstHeparClassify* self, GstBuffer* buffer,
                                          const Moment& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  if (!priv->last) {
    gst_buffer_set_hepar_frame(buffer, nullptr);
    return;
  }
  GstHeparSeverity severity = priv->last->severity;
  const GstClockTime then = priv->last->moment.stream_time;
  severity.fresh = false;
  severity.age = now.stream_time > then ? now.stream_time - then : then - now.stream_time;
  gst_buffer_set_hepar_severity(buffer, severity);
  gst_buffer_set_hepar_frame(buffer, priv->last->frame);
}

// Takes in what the worker finished.
static GstFlowReturn gst_hepar_classify_collect(GstHeparClassify* self, const Settings& settings) {
  GstHeparClassifyPrivate* priv = self->priv;
  std::vector<Grading> finished;
  {
    std::lock_guard<std::mutex> lock(priv->finished_mutex);
    std::swap(finished, priv->finished);
  }
  GstFlowReturn flow = GST_FLOW_OK;
  for (const Grading& grading : finished) {
    if (grading.generation != priv->generation) {
      gst_hepar_classify_count_skipped(self, 1);
    } else if (grading.error) {
      gst_hepar_classify_count_error(self);
      const GstFlowReturn failed =
          gst_hepar_inference_frame_failed(GST_HEPAR_INFERENCE(self), *grading.error);
      if (flow == GST_FLOW_OK) flow = failed;
    } else {
      gst_hepar_classify_apply(self, settings, grading);
    }
  }
  return flow;
}

// Hands a frame in; `done` gets it back when it is graded, on another thread. Streams end before
// stop() does, and priv lives longer than that.
static void gst_hepar_classify_submit(GstHeparClassify* self, Grading grading,
                                      std::function<void(Grading)> done) {
  auto frame = grading.frame;
  const bool superseded =
      gst_hepar_classify_get_stream(self, frame->engine())
          .Submit(std::move(frame), [grading = std::move(grading), done = std::move(done)](
                                        const std::optional<hepar::Error>& error) mutable {
            grading.error = error;
            if (!error) Grade(&grading);
            done(std::move(grading));
          });
  if (superseded) gst_hepar_classify_count_skipped(self, 1);
}

static bool gst_hepar_classify_is_due(GstHeparClassify* self, const Settings& settings,
                                      const Moment& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  if (priv->wait > 0 && priv->wait < settings.interval) {
    --priv->wait;
    return false;
  }
  const GstClockTime earliest = priv->earliest_time;
  const bool late = GST_CLOCK_TIME_IS_VALID(earliest) && now.running_time < earliest;
  if (late && priv->last_submitted &&
      now.running_time < *priv->last_submitted + kLongestWithoutGrade) {
    GST_DEBUG_OBJECT(self, "late: not grading the frame at %" GST_TIME_FORMAT,
                     GST_TIME_ARGS(now.running_time));
    return false;
  }
  priv->wait = settings.interval - 1;
  priv->last_submitted = now.running_time;
  return true;
}

static void gst_hepar_classify_post_stats(GstHeparClassify* self, gint64 now) {
  GstHeparClassifyPrivate* priv = self->priv;
  if (now - priv->stats_posted < kStatsInterval) return;
  priv->stats_posted = now;
  GstStructure* structure;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    structure = priv->stats->ToStructure();
  }
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), structure));
}

// Grades the frame now or hands it to the worker, and attaches what there is.
static GstFlowReturn gst_hepar_classify_grade(GstHeparClassify* self, const Settings& settings,
                                              GstBuffer* buffer, const Moment& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  Grading grading;
  grading.generation = priv->generation;
  grading.frame = gst_hepar_inference_get_frame(GST_HEPAR_INFERENCE(self), buffer);
  grading.moment = now;
  grading.number = priv->frame_number;
  if (grading.frame == nullptr) {
    gst_hepar_classify_count_skipped(self, 1);
    gst_hepar_classify_carry_over(self, buffer, now);
    return GST_FLOW_OK;
  }

  if (gst_hepar_classify_is_newest(self)) {
    gst_hepar_classify_submit(self, std::move(grading), [priv](Grading graded) {
      std::lock_guard<std::mutex> lock(priv->finished_mutex);
      priv->finished.push_back(std::move(graded));
    });
    gst_hepar_classify_carry_over(self, buffer, now);
    return GST_FLOW_OK;
  }

  if (priv->batch.max_batch > 1) {
    // Together with the frames of other streams, which come on other threads.
    gst_hepar_classify_submit(self, grading,
                              [&grading](Grading graded) { grading = std::move(graded); });
    priv->stream->Drain();
  } else {
    Grade(&grading);
  }
  if (grading.generation != priv->generation) {
    gst_hepar_classify_count_skipped(self, 1);
    return GST_FLOW_OK;
  }
  if (grading.error) throw *grading.error;
  gst_hepar_classify_apply(self, settings, grading);
  gst_buffer_set_hepar_severity(buffer, priv->last->severity);
  return GST_FLOW_OK;
}

static GstFlowReturn gst_hepar_classify_process(GstHeparInference* inference, GstBuffer* buffer) {
  auto* self = GST_HEPAR_CLASSIFY(inference);
  GstHeparClassifyPrivate* priv = self->priv;
  const Settings settings = gst_hepar_classify_get_settings(self);
  const Moment now = gst_hepar_classify_get_moment(self, buffer);
  const gint64 clock = g_get_monotonic_time();
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->stats->AddFrame(clock);
  }
  ++priv->frame_number;

  GstFlowReturn flow = gst_hepar_classify_collect(self, settings);
  try {
    if (settings.smoothing > 0.0) {
      const hepar::MappedFrame mapped(buffer, gst_hepar_inference_get_video_info(inference));
      if (priv->scene_cut.Update(mapped.view())) {
        GST_DEBUG_OBJECT(self, "scene cut at %" GST_TIME_FORMAT, GST_TIME_ARGS(now.stream_time));
        priv->scene_begin = priv->frame_number;
      }
    }
    if (gst_hepar_classify_is_due(self, settings, now)) {
      const GstFlowReturn graded = gst_hepar_classify_grade(self, settings, buffer, now);
      if (flow == GST_FLOW_OK) flow = graded;
    } else {
      gst_hepar_classify_count_skipped(self, 1);
      gst_hepar_classify_carry_over(self, buffer, now);
    }
  } catch (...) {
    gst_hepar_classify_count_error(self);
    gst_hepar_classify_carry_over(self, buffer, now);
    throw;
  }

  if (priv->last) {
    priv->summary.AddSeconds(priv->last->severity, static_cast<double>(now.duration) / GST_SECOND);
  }
  if (settings.post_stats) gst_hepar_classify_post_stats(self, clock);
  return flow;
}

static void gst_hepar_classify_post_summary(GstHeparClassify* self) {
  GstHeparClassifyPrivate* priv = self->priv;
  GstHeparSeverity severity;
  severity.label = kUncertain;
  if (priv->last) severity = priv->last->severity;
  GstStructure* structure = gst_hepar_severity_to_structure(severity, "hepar-summary");
  gst_structure_remove_fields(structure, "fresh", "age", "inference-time", nullptr);
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    gst_structure_set(structure, "frames", G_TYPE_UINT64, priv->stats->frames, "graded",
                      G_TYPE_UINT64, priv->stats->graded, "skipped", G_TYPE_UINT64,
                      priv->stats->skipped, "errors", G_TYPE_UINT64, priv->stats->errors, nullptr);
  }
  hepar::SetArray(structure, "mean-probabilities", priv->summary.MeanProbabilities());
  hepar::SetArray(structure, "seconds", priv->summary.seconds);
  gst_structure_set(structure, "uncertain-seconds", G_TYPE_DOUBLE, priv->summary.uncertain_seconds,
                    "not-liver-seconds", G_TYPE_DOUBLE, priv->summary.not_liver_seconds, nullptr);
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), structure));
}

static gboolean gst_hepar_classify_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(base);
  GstHeparClassifyPrivate* priv = self->priv;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      gst_hepar_classify_drop_in_flight(self);
      break;
    case GST_EVENT_STREAM_START:
      priv->newest.reset();
      break;
    case GST_EVENT_EOS:
      try {
        if (priv->stream) priv->stream->Drain();
        gst_hepar_classify_collect(self, gst_hepar_classify_get_settings(self));
        gst_hepar_classify_post_summary(self);
      } catch (...) {
        hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
      }
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->sink_event(base, event);
}

// The base class would drop frames that come too late; here only their grading is left out.
static gboolean gst_hepar_classify_src_event(GstBaseTransform* base, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS) {
    GstQOSType type;
    GstClockTimeDiff diff;
    GstClockTime timestamp;
    gst_event_parse_qos(event, &type, nullptr, &diff, &timestamp);
    GstClockTime earliest = GST_CLOCK_TIME_NONE;
    if (GST_CLOCK_TIME_IS_VALID(timestamp) && diff > 0) {
      // Aims as far past the lateness, to catch up; a throttle only gives the distance to keep.
      const GstClockTime late = static_cast<GstClockTime>(diff);
      earliest = timestamp + (type == GST_QOS_TYPE_THROTTLE ? late : 2 * late);
    }
    GST_HEPAR_CLASSIFY(base)->priv->earliest_time = earliest;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->src_event(base, event);
}

static void gst_hepar_classify_finalize(GObject* object) noexcept {
  delete GST_HEPAR_CLASSIFY(object)->priv;
  G_OBJECT_CLASS(gst_hepar_classify_parent_class)->finalize(object);
}

static void gst_hepar_classify_init(GstHeparClassify* self) {
  self->priv = new GstHeparClassifyPrivate;
}

static void gst_hepar_classify_class_init(GstHeparClassifyClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  auto* inference_class = GST_HEPAR_INFERENCE_CLASS(klass);
  const auto playing = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                GST_PARAM_MUTABLE_PLAYING);

  object_class->set_property = gst_hepar_classify_set_property;
  object_class->get_property = gst_hepar_classify_get_property;
  object_class->finalize = gst_hepar_classify_finalize;

  /**
   * GstHeparClassify:mode:
   *
   * Whether each frame waits for its grade (`sync`) or none does (`newest`). `auto` is `newest`
   * when upstream is live, else `sync`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_MODE,
      g_param_spec_enum("mode", "Mode", "Whether frames wait for their grade",
                        gst_hepar_mode_get_type(), Settings().mode,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparClassify:interval:
   *
   * Grade each Nth frame; the ones between carry the last result over, marked as such.
   *
   * Since: 0.1
   */
  g_object_class_install_property(object_class, PROP_INTERVAL,
                                  g_param_spec_uint("interval", "Interval", "Grade each Nth frame",
                                                    1, G_MAXUINT, Settings().interval, playing));
  /**
   * GstHeparClassify:smoothing:
   *
   * Seconds over which the probabilities are averaged before the grade is decided; 0 takes each
   * frame for itself. Forgotten at flush, seek, scene cut and change of model.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SMOOTHING,
      g_param_spec_double("smoothing", "Smoothing", "Seconds to average the probabilities over",
                          0.0, 60.0, Settings().smoothing, playing));
  /**
   * GstHeparClassify:min-confidence:
   *
   * Smoothed probability that a grade needs; below it the label is "uncertain" and the grade -1.
   * A model may ask for more.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_MIN_CONFIDENCE,
      g_param_spec_double("min-confidence", "Minimum confidence",
                          "Probability that a grade needs, else the label is \"uncertain\"", 0.0,
                          1.0, Settings().min_confidence, playing));
  /**
   * GstHeparClassify:check-view:
   *
   * Whether a view that is unlike the pictures that the model knows is called "not a liver view",
   * without a grade. Only for models that have the score for it. Switched off, such views are
   * graded like any other: for scans of the liver that a model takes for something else, as it may
   * those of another scanner.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_CHECK_VIEW,
      g_param_spec_boolean("check-view", "Check view",
                           "Whether a view unlike those that the model knows gets no grade",
                           Settings().check_view, playing));
  /**
   * GstHeparClassify:stats:
   *
   * A structure `hepar-stats`: `frames`, `graded`, `skipped`, `errors` since the start;
   * `inference-mean`, `inference-p50`, `inference-p99`, `inference-max` in milliseconds over the
   * last 512 graded frames; `fps` of the video over the last 64 frames. Unset before the first
   * start.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_STATS,
      g_param_spec_boxed(
          "stats", "Statistics", "Counts of frames, inference times (ms) and frame rate",
          GST_TYPE_STRUCTURE, static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
  /**
   * GstHeparClassify:post-stats:
   *
   * Post `stats` on the bus once a second, as an element message.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_POST_STATS,
      g_param_spec_boolean("post-stats", "Post statistics",
                           "Post the statistics on the bus once a second", Settings().post_stats,
                           playing));

  const auto ready = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_READY);
  /**
   * GstHeparClassify:batch:
   *
   * Frames of this and other streams that are graded together. Above 1, all elements in the process
   * with the same model, device, precision, `batch`, `batch-deadline` and `threads` share the
   * threads that grade: a machine with many streams and few cores is filled, not flooded. CUDA runs
   * a batch in one pass; the CPU runs its frames one after the other, which is as fast there.
   *
   * |[
   * gst-launch-1.0 heparsimsrc seed=1 ! heparbin model=liver.hepar batch=2 threads=2 ! fakesink \
   *     heparsimsrc seed=2 ! heparbin model=liver.hepar batch=2 threads=2 ! fakesink
   * ]| Grades two streams with one set of threads.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_BATCH,
      g_param_spec_uint("batch", "Batch", "Frames of several streams that are graded together", 1,
                        256, static_cast<guint>(Settings().batch.max_batch), ready));
  /**
   * GstHeparClassify:batch-deadline:
   *
   * How long the first frame of a batch waits for those of other streams, where the device gains by
   * batches (CUDA). In milliseconds.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_BATCH_DEADLINE,
      g_param_spec_uint("batch-deadline", "Batch deadline",
                        "Milliseconds that the first frame of a batch waits for others", 1, 60000,
                        Milliseconds(Settings().batch.deadline), ready));
  /**
   * GstHeparClassify:threads:
   *
   * Threads that grade frames of the streams that share (see `batch`). One stream has one frame at
   * a time in work, so alone it needs one.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_THREADS,
      g_param_spec_uint("threads", "Threads",
                        "Threads that grade the frames of all sharing streams", 1, 256,
                        static_cast<guint>(Settings().batch.threads), ready));

  gst_element_class_set_static_metadata(
      element_class, "Liver ultrasound classifier", "Filter/Analyzer/Video",
      "Grades fatty liver on ultrasound video", "The gst-hepar Authors");

  transform_class->start = GST_DEBUG_FUNCPTR(gst_hepar_classify_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_hepar_classify_stop);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_hepar_classify_sink_event);
  transform_class->src_event = GST_DEBUG_FUNCPTR(gst_hepar_classify_src_event);
  inference_class->process = gst_hepar_classify_process;
  inference_class->reset = gst_hepar_classify_reset;
  inference_class->engine_changed = gst_hepar_classify_engine_changed;
  inference_class->warm_up = gst_hepar_classify_warm_up;
  inference_class->runs_network = gst_hepar_classify_runs_network;

  gst_type_mark_as_plugin_api(gst_hepar_mode_get_type(), static_cast<GstPluginAPIFlags>(0));
}
