// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/classify_settings.h"

#include <gst/gst.h>

#include <chrono>

#include "elements/gstheparclassify.h"

namespace hepar {
namespace {

guint Milliseconds(std::chrono::microseconds time) {
  return static_cast<guint>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

GstHeparUnfamiliar Unfamiliar(const DecisionChoices& choices) {
  return choices.withhold_unfamiliar ? GST_HEPAR_UNFAMILIAR_WITHHOLD : GST_HEPAR_UNFAMILIAR_GRADE;
}

}  // namespace

bool ClassifySettings::SetProperty(guint id, const GValue* value) {
  switch (id) {
    case kMode:
      mode = static_cast<GstHeparMode>(g_value_get_enum(value));
      return true;
    case kInterval:
      interval = g_value_get_uint(value);
      return true;
    case kSmoothing:
      decision.seconds = g_value_get_double(value);
      return true;
    case kMinConfidence:
      decision.min_confidence = g_value_get_double(value);
      return true;
    case kCheckView:
      decision.check_view = g_value_get_boolean(value);
      return true;
    case kUnfamiliar:
      decision.withhold_unfamiliar = g_value_get_enum(value) == GST_HEPAR_UNFAMILIAR_WITHHOLD;
      return true;
    case kPostStats:
      post_stats = g_value_get_boolean(value);
      return true;
    case kBatch:
      batch.max_batch = static_cast<int>(g_value_get_uint(value));
      return true;
    case kBatchDeadline:
      batch.deadline = std::chrono::milliseconds(g_value_get_uint(value));
      return true;
    case kThreads:
      batch.threads = static_cast<int>(g_value_get_uint(value));
      return true;
    case kStreamId: {
      const gchar* text = g_value_get_string(value);
      stream_id = text ? text : "";
      return true;
    }
    default:
      return false;
  }
}

bool ClassifySettings::GetProperty(guint id, GValue* value) const {
  switch (id) {
    case kMode:
      g_value_set_enum(value, mode);
      return true;
    case kInterval:
      g_value_set_uint(value, interval);
      return true;
    case kSmoothing:
      g_value_set_double(value, decision.seconds);
      return true;
    case kMinConfidence:
      g_value_set_double(value, decision.min_confidence);
      return true;
    case kCheckView:
      g_value_set_boolean(value, decision.check_view);
      return true;
    case kUnfamiliar:
      g_value_set_enum(value, Unfamiliar(decision));
      return true;
    case kPostStats:
      g_value_set_boolean(value, post_stats);
      return true;
    case kBatch:
      g_value_set_uint(value, static_cast<guint>(batch.max_batch));
      return true;
    case kBatchDeadline:
      g_value_set_uint(value, Milliseconds(batch.deadline));
      return true;
    case kThreads:
      g_value_set_uint(value, static_cast<guint>(batch.threads));
      return true;
    case kStreamId:
      g_value_set_string(value, stream_id.empty() ? nullptr : stream_id.c_str());
      return true;
    default:
      return false;
  }
}

void ClassifySettings::InstallProperties(GObjectClass* object_class) {
  const ClassifySettings defaults;
  const auto playing = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                GST_PARAM_MUTABLE_PLAYING);
  /**
   * GstHeparClassify:mode:
   *
   * Whether each frame waits for its grade (`sync`) or no frame does (`newest`). `auto` is `newest`
   * if upstream is live, else `sync`.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kMode,
      g_param_spec_enum("mode", "Mode", "Whether frames wait for their grade",
                        gst_hepar_mode_get_type(), defaults.mode,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));
  /**
   * GstHeparClassify:interval:
   *
   * Grade every Nth frame. The frames between carry the last result, marked as not fresh.
   *
   * Since: 0.1
   */
  g_object_class_install_property(object_class, kInterval,
                                  g_param_spec_uint("interval", "Interval", "Grade every Nth frame",
                                                    1, G_MAXUINT, defaults.interval, playing));
  /**
   * GstHeparClassify:smoothing:
   *
   * Time constant in seconds of the average of the probabilities from which the grade is decided.
   * 0 decides from each frame alone. The average begins again at a flush, a seek, a scene cut and a
   * change of model.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kSmoothing,
      g_param_spec_double("smoothing", "Smoothing",
                          "Time constant of the average of the probabilities (seconds)", 0.0, 60.0,
                          defaults.decision.seconds, playing));
  /**
   * GstHeparClassify:min-confidence:
   *
   * Smoothed probability that a grade requires. Below it, the label is "uncertain" and the grade is
   * -1. A model may require more.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kMinConfidence,
      g_param_spec_double("min-confidence", "Minimum confidence",
                          "Probability that a grade requires; below it the label is \"uncertain\"",
                          0.0, 1.0, defaults.decision.min_confidence, playing));
  /**
   * GstHeparClassify:check-view:
   *
   * Whether an out-of-distribution view gets the label "not a liver view" and no grade. It needs a
   * model with an out-of-distribution score. Disable it for liver scans that the model rejects.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kCheckView,
      g_param_spec_boolean("check-view", "Check view",
                           "Whether an out-of-distribution view gets no grade",
                           defaults.decision.check_view, playing));
  /**
   * GstHeparClassify:unfamiliar:
   *
   * Whether a liver view of a scanner or setting that the model was not trained for, state
   * "unfamiliar", gets a grade. It needs a model with a familiarity score. The grade does not
   * require the confidence that the model requires on its own scanners, only `min-confidence`. The
   * probabilities are pooled with equal ones in either case.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kUnfamiliar,
      g_param_spec_enum("unfamiliar", "Unfamiliar",
                        "Whether a liver view of an unfamiliar scanner gets a grade",
                        gst_hepar_unfamiliar_get_type(), Unfamiliar(defaults.decision), playing));
  /**
   * GstHeparClassify:stats:
   *
   * A structure `hepar-stats`: `frames`, `graded`, `skipped`, `errors` since the start;
   * `inference-mean`, `inference-p50`, `inference-p99`, `inference-max` in milliseconds over the
   * last 512 graded frames; `fps` of the video over the last 64 frames; `backend`, what runs the
   * model. Unset before the first start.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kStats,
      g_param_spec_boxed(
          "stats", "Statistics", "Counts of frames, inference times (ms) and frame rate",
          GST_TYPE_STRUCTURE, static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
  /**
   * GstHeparClassify:post-stats:
   *
   * Post `stats` on the bus once per second, as an element message.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kPostStats,
      g_param_spec_boolean("post-stats", "Post statistics",
                           "Post the statistics on the bus once per second", defaults.post_stats,
                           playing));

  const auto ready = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_MUTABLE_READY);
  /**
   * GstHeparClassify:batch:
   *
   * Maximum number of frames of this and other streams that are graded together. Above 1, all
   * elements in the process with the same model, device, precision, `batch`, `batch-deadline` and
   * `threads` share their worker threads, so that many streams do not overload few cores. CUDA runs
   * a batch in one pass. The CPU runs the frames of a batch one after the other, which is as fast.
   *
   * |[
   * gst-launch-1.0 heparsimsrc seed=1 ! heparbin model=liver.hepar batch=2 threads=2 ! fakesink \
   *     heparsimsrc seed=2 ! heparbin model=liver.hepar batch=2 threads=2 ! fakesink
   * ]| Grades two streams with the same worker threads.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kBatch,
      g_param_spec_uint("batch", "Batch",
                        "Maximum number of frames of several streams that are graded together", 1,
                        256, static_cast<guint>(defaults.batch.max_batch), ready));
  /**
   * GstHeparClassify:batch-deadline:
   *
   * How long the first frame of a batch waits for frames of other streams, in milliseconds. Used
   * where the device is faster with batches (CUDA).
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kBatchDeadline,
      g_param_spec_uint("batch-deadline", "Batch deadline",
                        "How long the first frame of a batch waits for other frames (ms)", 1, 60000,
                        Milliseconds(defaults.batch.deadline), ready));
  /**
   * GstHeparClassify:threads:
   *
   * Number of worker threads of the streams that share (see `batch`). A stream has at most one
   * frame in work, so one stream alone needs one thread.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kThreads,
      g_param_spec_uint("threads", "Threads",
                        "Number of worker threads that the sharing streams use", 1, 256,
                        static_cast<guint>(defaults.batch.threads), ready));
  /**
   * GstHeparClassify:stream-id:
   *
   * A name of this stream, such as that of the room or the camera. Element messages carry it as
   * the field `stream-id`, so that an application with many streams knows which one they are about.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, kStreamId,
      g_param_spec_string(GST_HEPAR_STREAM_ID, "Stream id",
                          "Name of the stream, which element messages carry", nullptr, playing));
}

}  // namespace hepar
