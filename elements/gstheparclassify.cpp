// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparclassify
 * @title: heparclassify
 * @short_description: Grades fatty liver on ultrasound video
 * @see_also: heparcolorspace, hepardecouple, heparoverlay, heparbin
 *
 * Grades each frame (normal, mild, moderate, severe), smooths the scores over time, decides, and
 * attaches the severity as a `HeparSeverityMeta`. The video passes through unchanged. Alone, the
 * element does everything itself. Downstream of heparcolorspace or hepardecouple it uses their
 * results. For research use only.
 *
 * In mode `sync`, each frame is graded before it goes on. In mode `newest`, frames never wait: a
 * worker thread grades the newest frame, older frames are skipped and counted, and each frame
 * carries the last result with its age. Late frames (QoS) and frames between two of `interval`
 * carry it too.
 *
 * A grade is given only where it can be trusted. Below the confidence that the model or
 * `min-confidence` requires, the label is "uncertain". If the model has an out-of-distribution
 * score and the view is above its limit, the label is "not a liver view"; `check-view` disables
 * this. A liver view of a scanner or setting that the model was not trained for has the state
 * "unfamiliar": its probabilities are pooled with equal ones, and `unfamiliar` says whether it gets
 * a grade.
 *
 * If an element downstream shows saliency maps (heparoverlay with `view=saliency`), a map is
 * computed for each frame that is graded, by the thread that grades. In mode `newest` neither
 * frames nor grades wait for it. A model that has no such map gets one warning.
 *
 * Element messages on the bus:
 * - `hepar-severity`, on each change of grade or state: the fields of the meta, `stream-time` and
 *   `running-time` of the frame that was graded;
 * - `hepar-stats`, once a second with `post-stats`: the fields of `stats`;
 * - `hepar-summary`, at the end of each stream: the last severity, `frames`, `graded`, `skipped`,
 *   `errors`, `mean-probabilities` (of liver views), `seconds` of video of familiar scanners for
 *   each grade, `uncertain-seconds`, `unfamiliar-seconds` (with or without a grade) and
 *   `not-liver-seconds`. A seek begins the summary again. If no frame was graded, `state` is
 *   `not-graded`, and arrays that have no values are missing;
 * - `hepar-model-changed`, when a model that was set while playing is in use: `old-id`, `new-id`,
 *   `location`.
 *
 * The first three have `stream-id` where that property is set.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -m heparsimsrc ! heparclassify model=liver.hepar ! videoconvert ! autovideosink
 * ]| Grades simulated scans live and prints each change of grade.
 *
 * Since: 0.1
 */

#include "elements/gstheparclassify.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elements/classification_meta.h"
#include "elements/classify_settings.h"
#include "elements/describe_decision.h"
#include "elements/frame_clock.h"
#include "elements/grading_stats.h"
#include "elements/grading_summary.h"
#include "elements/gstheparframemeta.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/saliency_query.h"
#include "elements/scene_cut.h"
#include "elements/stream_identity.h"
#include "models/decision/decision_policy.h"
#include "models/grading/grader.h"
#include "models/grading/grading_schedule.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_classify_debug);
#define GST_CAT_DEFAULT gst_hepar_classify_debug

namespace {

using hepar::ClassifySettings;
using hepar::FrameTime;
using hepar::GradedFrame;

constexpr gint64 kStatsInterval = G_TIME_SPAN_SECOND;

// The severity that the buffers carry, and where it comes from.
struct Result {
  GstHeparSeverity severity;
  std::shared_ptr<hepar::FrameInference> inference;
  FrameTime time;
};

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparClassifyPrivate {
  std::mutex mutex;  // Guards settings.
  ClassifySettings settings;

  hepar::GradingStats stats;
  hepar::Grader grader;  // Any thread may drop what is in flight.
  std::atomic<GstClockTime> earliest_time{GST_CLOCK_TIME_NONE};  // Earlier frames are late (QoS).

  GstHeparMode mode = GST_HEPAR_MODE_AUTO;  // Of the present run, from start to stop.

  // The streaming thread's own.
  std::optional<bool> newest;  // What `mode` comes to in this stream.
  hepar::StreamIdentity stream;
  hepar::FrameClock clock;
  hepar::GradingSchedule schedule;
  hepar::SceneCut scene_cut;
  hepar::DecisionPolicy policy;
  hepar::GradingSummary summary;
  std::optional<Result> last;
  bool no_saliency = false;  // The model has no saliency map, and a warning said so.
  std::optional<std::pair<std::string, GstHeparState>> posted;  // Label and state.
  guint64 frame_number = 0;
  GstClockTime newest_time = GST_CLOCK_TIME_NONE;  // Stream time of the last frame summed up.
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

static ClassifySettings gst_hepar_classify_get_settings(GstHeparClassify* self) {
  std::lock_guard<std::mutex> lock(self->priv->mutex);
  return self->priv->settings;
}

static void gst_hepar_classify_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(object)->priv;
  std::lock_guard<std::mutex> lock(priv->mutex);
  if (!priv->settings.SetProperty(id, value)) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

// For the property and the message `stats`.
static GstStructure* gst_hepar_classify_stats(GstHeparClassify* self) {
  GstHeparClassifyPrivate* priv = self->priv;
  GstStructure* structure = priv->stats.ToStructure(priv->grader.dropped());
  gst_structure_set(structure, "backend", G_TYPE_STRING,
                    gst_hepar_inference_get_backend(GST_HEPAR_INFERENCE(self)).c_str(), nullptr);
  return structure;
}

static void gst_hepar_classify_get_property(GObject* object, guint id, GValue* value,
                                            GParamSpec* pspec) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(object);
  GstHeparClassifyPrivate* priv = self->priv;
  if (id == ClassifySettings::kStats) {
    g_value_take_boxed(value, priv->stats.started() ? gst_hepar_classify_stats(self) : nullptr);
    return;
  }
  std::lock_guard<std::mutex> lock(priv->mutex);
  if (!priv->settings.GetProperty(id, value)) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_hepar_classify_reset(GstHeparInference* inference) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(inference)->priv;
  priv->grader.DropInFlight();
  priv->policy.Reset();
  priv->scene_cut.Reset();
  priv->schedule.Reset();
  priv->clock.Reset();
  priv->last.reset();
  priv->posted.reset();
  priv->earliest_time = GST_CLOCK_TIME_NONE;
}

static void gst_hepar_classify_begin_summary(GstHeparClassify* self) {
  GstHeparClassifyPrivate* priv = self->priv;
  priv->summary.Begin(priv->stats.Count(priv->grader.dropped()));
  priv->newest_time = GST_CLOCK_TIME_NONE;
}

static void gst_hepar_classify_engine_changed(GstHeparInference* inference) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(inference)->priv;
  priv->grader.DropInFlight();
  priv->policy.Reset();
  priv->no_saliency = false;
}

static void gst_hepar_classify_warm_up(GstHeparInference* inference, const hepar::Engine& engine) {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(inference)->priv;
  if (priv->mode == GST_HEPAR_MODE_SYNC && priv->grader.grades_alone()) {
    // The streaming thread grades, and it does not run yet. Only the latency is needed here.
    engine.WarmUp();
    const gint64 begin = g_get_monotonic_time();
    engine.WarmUp(1);
    gst_hepar_inference_seed_latency(
        inference, static_cast<GstClockTime>(g_get_monotonic_time() - begin) * GST_USECOND);
    return;
  }
  priv->grader.WarmUp(engine);
}

static gboolean gst_hepar_classify_stop(GstBaseTransform* base) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(base)->priv;
  priv->grader.Stop();
  gst_hepar_classify_reset(GST_HEPAR_INFERENCE(base));
  priv->stream.Reset();
  priv->newest.reset();
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->stop(base);
}

static gboolean gst_hepar_classify_start(GstBaseTransform* base) noexcept {
  GstHeparClassifyPrivate* priv = GST_HEPAR_CLASSIFY(base)->priv;
  {
    std::lock_guard<std::mutex> lock(priv->mutex);
    priv->mode = priv->settings.mode;
    priv->grader.Start(priv->settings.batch);
  }
  priv->stats.Start();
  gst_hepar_classify_begin_summary(GST_HEPAR_CLASSIFY(base));
  priv->policy = hepar::DecisionPolicy();
  priv->no_saliency = false;
  priv->frame_number = 0;
  priv->stats_posted = g_get_monotonic_time();
  if (GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->start(base)) return TRUE;
  priv->grader.Stop();
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

// Posts an element message, which names the stream if the user gave it a name. Takes `structure`.
static void gst_hepar_classify_post(GstHeparClassify* self, GstStructure* structure) {
  const std::string stream_id = gst_hepar_classify_get_settings(self).stream_id;
  if (!stream_id.empty()) {
    gst_structure_set(structure, GST_HEPAR_STREAM_ID, G_TYPE_STRING, stream_id.c_str(), nullptr);
  }
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), structure));
}

// Posts the severity if its label or state changed.
static void gst_hepar_classify_post_severity(GstHeparClassify* self, const Result& result) {
  GstHeparClassifyPrivate* priv = self->priv;
  const GstHeparSeverity& severity = result.severity;
  const auto current = std::make_pair(severity.label, severity.state);
  if (priv->posted == current) return;
  priv->posted = current;
  GST_INFO_OBJECT(self, "the label is now %s, confidence %.2f", severity.label.c_str(),
                  severity.confidence);
  GstStructure* structure = gst_hepar_severity_to_structure(severity, "hepar-severity");
  gst_structure_set(structure, "stream-time", G_TYPE_UINT64, result.time.stream, "running-time",
                    G_TYPE_UINT64, result.time.running, nullptr);
  gst_hepar_classify_post(self, structure);
}

// Takes a result: smooths, decides, and posts a message if grade or state changed.
static void gst_hepar_classify_apply(GstHeparClassify* self, const ClassifySettings& settings,
                                     const GradedFrame& graded) {
  GstHeparClassifyPrivate* priv = self->priv;
  const hepar::Severity& scores = graded.inference->Classify();  // Ready: returns at once.
  const hepar::ModelSpec& spec = graded.inference->engine().spec();
  priv->stats.AddGraded(scores.inference_ms);

  hepar::FrameScores frame;
  frame.number = graded.number;
  frame.seconds = static_cast<double>(graded.time.running) / GST_SECOND;
  frame.probabilities = scores.probabilities;
  frame.domain_score = scores.domain_score;
  frame.familiarity_score = scores.familiarity_score;
  const auto& decision = priv->policy.Decide(spec, settings.decision, frame);

  Result result;
  result.severity = hepar::DescribeDecision(decision, spec);
  result.severity.raw_probabilities.assign(scores.probabilities.begin(),
                                           scores.probabilities.end());
  result.severity.fresh = true;
  result.severity.inference_time = static_cast<GstClockTime>(scores.inference_ms * GST_MSECOND);
  result.inference = graded.inference;
  result.time = graded.time;
  priv->summary.AddResult(result.severity);
  priv->last = std::move(result);
  gst_hepar_classify_post_severity(self, *priv->last);
}

static void gst_hepar_classify_attach(GstBuffer* buffer, const GstHeparSeverity& severity) {
  gst_buffer_set_hepar_severity(buffer, severity);
  hepar::AddClassification(buffer, severity);
}

// Attaches the last result to a buffer that was not graded. Without a result the handle is removed
// too: an element that asks it for a feature view would run the network on the streaming thread.
static void gst_hepar_classify_carry_over(GstHeparClassify* self, GstBuffer* buffer,
                                          const FrameTime& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  if (!priv->last) {
    gst_buffer_set_hepar_frame(buffer, nullptr);
    return;
  }
  GstHeparSeverity severity = priv->last->severity;
  const GstClockTime then = priv->last->time.stream;
  severity.fresh = false;
  severity.age = now.stream > then ? now.stream - then : then - now.stream;
  gst_hepar_classify_attach(buffer, severity);
  gst_buffer_set_hepar_frame(buffer, priv->last->inference);
}

// Takes the results that the worker thread finished.
static GstFlowReturn gst_hepar_classify_collect(GstHeparClassify* self,
                                                const ClassifySettings& settings) {
  GstFlowReturn flow = GST_FLOW_OK;
  for (const GradedFrame& graded : self->priv->grader.TakeFinished()) {
    if (graded.error) {
      self->priv->stats.AddError();
      const GstFlowReturn failed =
          gst_hepar_inference_frame_failed(GST_HEPAR_INFERENCE(self), *graded.error);
      if (flow == GST_FLOW_OK) flow = failed;
    } else {
      gst_hepar_classify_apply(self, settings, graded);
    }
  }
  return flow;
}

// Tells of a saliency map that failed, once for a model, and asks for no more of them.
static void gst_hepar_classify_collect_saliency_error(GstHeparClassify* self) {
  const auto error = self->priv->grader.TakeSaliencyError();
  if (!error || self->priv->no_saliency) return;
  self->priv->no_saliency = true;
  hepar::PostWarning(
      GST_ELEMENT(self),
      hepar::Error(error->kind(), std::string("there are no saliency maps for this model: ") +
                                      error->what() + "; grading goes on without them"));
}

static bool gst_hepar_classify_is_due(GstHeparClassify* self, const ClassifySettings& settings,
                                      const FrameTime& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  const GstClockTime earliest = priv->earliest_time;
  const auto answer = priv->schedule.Ask(
      settings.interval, now.running,
      GST_CLOCK_TIME_IS_VALID(earliest) ? std::optional<guint64>(earliest) : std::nullopt);
  if (answer == hepar::GradingSchedule::Answer::kLate) {
    GST_DEBUG_OBJECT(self, "late: not grading the frame at %" GST_TIME_FORMAT,
                     GST_TIME_ARGS(now.running));
  }
  return answer == hepar::GradingSchedule::Answer::kDue;
}

static void gst_hepar_classify_post_stats(GstHeparClassify* self, gint64 now) {
  GstHeparClassifyPrivate* priv = self->priv;
  if (now - priv->stats_posted < kStatsInterval) return;
  priv->stats_posted = now;
  gst_hepar_classify_post(self, gst_hepar_classify_stats(self));
}

// Grades the frame now, or hands it to the worker thread, and attaches the result.
static void gst_hepar_classify_grade(GstHeparClassify* self, const ClassifySettings& settings,
                                     GstBuffer* buffer, hepar::LazyFrame* picture,
                                     const FrameTime& now) {
  GstHeparClassifyPrivate* priv = self->priv;
  GradedFrame frame;
  frame.generation = priv->grader.generation();
  frame.inference = gst_hepar_inference_get_frame(GST_HEPAR_INFERENCE(self), buffer, picture);
  picture->Unmap();
  frame.time = now;
  frame.number = priv->frame_number;
  frame.wants_saliency =
      !priv->no_saliency && hepar::IsSaliencyShown(GST_BASE_TRANSFORM_SRC_PAD(self));
  if (frame.inference == nullptr) {
    priv->stats.AddSkipped();
    gst_hepar_classify_carry_over(self, buffer, now);
  } else if (gst_hepar_classify_is_newest(self)) {
    priv->grader.Submit(std::move(frame));
    gst_hepar_classify_carry_over(self, buffer, now);
  } else if (priv->grader.GradeNow(&frame)) {
    gst_hepar_classify_apply(self, settings, frame);
    gst_hepar_classify_attach(buffer, priv->last->severity);
  }
}

// Ends a part of the stream: waits for the frames in flight, and posts the summary of the part.
// `always`: even if it has no frame.
static void gst_hepar_classify_sum_up(GstHeparClassify* self, bool always) noexcept {
  GstHeparClassifyPrivate* priv = self->priv;
  try {
    priv->grader.Drain();
    gst_hepar_classify_collect(self, gst_hepar_classify_get_settings(self));
    gst_hepar_classify_collect_saliency_error(self);
    const hepar::FrameCounts counts = priv->stats.Count(priv->grader.dropped());
    if (always || priv->summary.Since(counts).frames > 0) {
      gst_hepar_classify_post(self, priv->summary.ToStructure(counts));
    }
    gst_hepar_classify_begin_summary(self);
  } catch (...) {
    hepar::PostWarning(GST_ELEMENT(self), hepar::CurrentError());
  }
}

// A jump back in time without a flush, as loops are played, ends a part of the stream.
static void gst_hepar_classify_watch_time(GstHeparClassify* self, GstBuffer* buffer) {
  GstHeparClassifyPrivate* priv = self->priv;
  const GstSegment& segment = GST_BASE_TRANSFORM(self)->segment;
  if (segment.format != GST_FORMAT_TIME || segment.rate < 0.0) return;
  const guint64 time =
      gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (!GST_CLOCK_TIME_IS_VALID(time)) return;
  if (GST_CLOCK_TIME_IS_VALID(priv->newest_time) && time < priv->newest_time) {
    gst_hepar_classify_sum_up(self, false);
  }
  priv->newest_time = time;
}

static GstFlowReturn gst_hepar_classify_process(GstHeparInference* inference, GstBuffer* buffer,
                                                hepar::LazyFrame* picture) {
  auto* self = GST_HEPAR_CLASSIFY(inference);
  GstHeparClassifyPrivate* priv = self->priv;
  const ClassifySettings settings = gst_hepar_classify_get_settings(self);
  gst_hepar_classify_watch_time(self, buffer);
  const FrameTime now = priv->clock.Next(GST_BASE_TRANSFORM(self)->segment,
                                         gst_hepar_inference_get_video_info(inference), buffer);
  const gint64 arrival = g_get_monotonic_time();
  priv->stats.AddFrame(arrival);
  ++priv->frame_number;

  const GstFlowReturn flow = gst_hepar_classify_collect(self, settings);
  gst_hepar_classify_collect_saliency_error(self);
  try {
    if (settings.decision.seconds > 0.0 && priv->scene_cut.Update(picture->view())) {
      GST_DEBUG_OBJECT(self, "scene cut at %" GST_TIME_FORMAT, GST_TIME_ARGS(now.stream));
      priv->policy.BeginScene(priv->frame_number);
    }
    if (gst_hepar_classify_is_due(self, settings, now)) {
      gst_hepar_classify_grade(self, settings, buffer, picture, now);
    } else {
      priv->stats.AddSkipped();
      gst_hepar_classify_carry_over(self, buffer, now);
    }
  } catch (...) {
    priv->stats.AddError();
    gst_hepar_classify_carry_over(self, buffer, now);
    throw;
  }

  if (priv->last) {
    priv->summary.AddSeconds(priv->last->severity, static_cast<double>(now.duration) / GST_SECOND);
  }
  if (settings.post_stats) gst_hepar_classify_post_stats(self, arrival);
  return flow;
}

static gboolean gst_hepar_classify_sink_event(GstBaseTransform* base, GstEvent* event) noexcept {
  auto* self = GST_HEPAR_CLASSIFY(base);
  GstHeparClassifyPrivate* priv = self->priv;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      priv->grader.DropInFlight();
      break;
    case GST_EVENT_FLUSH_STOP: {
      gboolean reset_time = TRUE;
      gst_event_parse_flush_stop(event, &reset_time);
      // A seek: frames before it and frames after it do not belong to one summary.
      if (reset_time) gst_hepar_classify_begin_summary(self);
      break;
    }
    case GST_EVENT_STREAM_START:
      if (priv->stream.Update(event)) gst_hepar_classify_sum_up(self, false);
      priv->newest.reset();
      break;
    case GST_EVENT_SEGMENT_DONE:
      gst_hepar_classify_sum_up(self, false);
      break;
    case GST_EVENT_EOS:
      gst_hepar_classify_sum_up(self, true);
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_hepar_classify_parent_class)->sink_event(base, event);
}

// The base class would drop late frames. Here they pass, but they are not graded.
static gboolean gst_hepar_classify_src_event(GstBaseTransform* base, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS) {
    GstQOSType type;
    GstClockTimeDiff diff;
    GstClockTime timestamp;
    gst_event_parse_qos(event, &type, nullptr, &diff, &timestamp);
    GstClockTime earliest = GST_CLOCK_TIME_NONE;
    if (GST_CLOCK_TIME_IS_VALID(timestamp) && diff > 0) {
      // Aims at twice the lateness, to catch up. A throttle event gives only the distance to keep.
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

  object_class->set_property = gst_hepar_classify_set_property;
  object_class->get_property = gst_hepar_classify_get_property;
  object_class->finalize = gst_hepar_classify_finalize;
  hepar::ClassifySettings::InstallProperties(object_class);

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
  gst_type_mark_as_plugin_api(gst_hepar_unfamiliar_get_type(), static_cast<GstPluginAPIFlags>(0));
}
