// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>
#include <string>

#include "elements/video_view.h"
#include "models/engine/engine.h"
#include "models/error.h"

// What the elements of the inference chain have in common: video that passes through untouched, a
// model that is opened, adopted from upstream or exchanged while playing, the frame handle, errors
// by policy, and the latency.
#define GST_TYPE_HEPAR_INFERENCE (gst_hepar_inference_get_type())
G_DECLARE_DERIVABLE_TYPE(GstHeparInference, gst_hepar_inference, GST, HEPAR_INFERENCE,
                         GstBaseTransform)

struct _GstHeparInferenceClass {
  GstBaseTransformClass parent_class;

  // Does the element's work on a writable buffer; streaming thread. May throw, which is reported
  // by the policy of `on-error`.
  GstFlowReturn (*process)(GstHeparInference* self, GstBuffer* buffer);

  // Forgets the stream so far: flush, seek, new caps. Streaming thread. May be null.
  void (*reset)(GstHeparInference* self) noexcept;

  // The engine in use was exchanged for another. Streaming thread. May be null.
  void (*engine_changed)(GstHeparInference* self) noexcept;

  // An engine is known before the first frame: get ready to run it. Thread of the state change.
  // May throw; may be null.
  void (*warm_up)(GstHeparInference* self, const hepar::Engine& engine);

  // Whether process() runs the network on the streaming thread, which then is warmed up first. Null
  // says never.
  bool (*runs_network)(GstHeparInference* self) noexcept;
};

enum GstHeparOnError { GST_HEPAR_ON_ERROR_WARN, GST_HEPAR_ON_ERROR_ERROR };

GType gst_hepar_on_error_get_type();
GType gst_hepar_precision_get_type();

// For subclasses; streaming thread, during process() and reset() unless said otherwise.

// The handle of the frame in `buffer`: upstream's where that is of the engine in use, else one
// prepared here and attached. Null when upstream provides the model and left this frame out.
std::shared_ptr<hepar::FrameInference> gst_hepar_inference_get_frame(GstHeparInference* self,
                                                                     GstBuffer* buffer);

// Prepares the frame here and attaches the handle, whatever upstream attached.
std::shared_ptr<hepar::FrameInference> gst_hepar_inference_prepare(GstHeparInference* self,
                                                                   GstBuffer* buffer);

// Overrides the model's sector rule: "auto", "full" or "x,y,w,h"; "" is the model's own. Any
// thread. A text that is none of them fails start() or, later, the next frame.
void gst_hepar_inference_set_sector(GstHeparInference* self, const std::string& sector);
std::string gst_hepar_inference_get_sector(GstHeparInference* self);

// Deals with a frame that failed as `on-error` says, and returns what to do next. Any thread.
GstFlowReturn gst_hepar_inference_frame_failed(GstHeparInference* self, const hepar::Error& error);

// Announces how long a frame will take before one was measured. Any thread while none is.
void gst_hepar_inference_seed_latency(GstHeparInference* self, GstClockTime latency);

// Whether upstream is live.
bool gst_hepar_inference_is_live(GstHeparInference* self);

const GstVideoInfo& gst_hepar_inference_get_video_info(GstHeparInference* self);
