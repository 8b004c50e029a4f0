// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>
#include <string>

#include "elements/error_message.h"
#include "elements/gstheparenums.h"
#include "elements/video_view.h"
#include "models/engine/engine.h"

// The base class of the inference elements: video that passes through unchanged, a model that is
// opened, taken from upstream or replaced while playing, the frame handle, the error policy, and
// the latency.
#define GST_TYPE_HEPAR_INFERENCE (gst_hepar_inference_get_type())
G_DECLARE_DERIVABLE_TYPE(GstHeparInference, gst_hepar_inference, GST, HEPAR_INFERENCE,
                         GstBaseTransform)

struct _GstHeparInferenceClass {
  GstBaseTransformClass parent_class;

  // Does the element's work on a writable buffer, whose picture is mapped when it is first needed;
  // streaming thread. May throw, which is reported by the policy of `on-error`.
  GstFlowReturn (*process)(GstHeparInference* self, GstBuffer* buffer, hepar::LazyFrame* picture);

  // Discards the state of the stream: flush, seek, another stream, another kind of picture.
  // Streaming thread. May be null.
  void (*reset)(GstHeparInference* self) noexcept;

  // Another engine is in use. Streaming thread. May be null.
  void (*engine_changed)(GstHeparInference* self) noexcept;

  // Gets ready to run an engine that is known before the first frame. Thread of the state change.
  // May throw; may be null.
  void (*warm_up)(GstHeparInference* self, const hepar::Engine& engine);

  // Whether process() runs the network on the streaming thread, which is then warmed up first. Null
  // means never.
  bool (*runs_network)(GstHeparInference* self) noexcept;
};

// For subclasses; streaming thread, during process() and reset() unless said otherwise.

// The handle of the frame in `buffer`: the one that upstream attached if it belongs to the engine
// in use, else one that is prepared here and attached. Null if upstream provides the model and
// attached no handle.
std::shared_ptr<hepar::FrameInference> gst_hepar_inference_get_frame(GstHeparInference* self,
                                                                     GstBuffer* buffer,
                                                                     hepar::LazyFrame* picture);

// Prepares the frame here and attaches its handle, even if upstream attached one.
std::shared_ptr<hepar::FrameInference> gst_hepar_inference_prepare(GstHeparInference* self,
                                                                   GstBuffer* buffer,
                                                                   hepar::LazyFrame* picture);

// Overrides the model's sector rule by "auto", "full" or "x,y,w,h"; "" is the model's own rule. Any
// thread. An invalid text makes start(), or later the next frame, fail.
void gst_hepar_inference_set_sector(GstHeparInference* self, const std::string& sector);
std::string gst_hepar_inference_get_sector(GstHeparInference* self);

// Engine::backend() of the model in use; empty without one. Any thread.
std::string gst_hepar_inference_get_backend(GstHeparInference* self);

// Handles a frame that failed, by the policy of `on-error`, and returns the flow. A lost device is
// an error whatever the policy. Any thread.
GstFlowReturn gst_hepar_inference_frame_failed(
    GstHeparInference* self, const hepar::ReportedError& error,
    const hepar::CodePlace& place = hepar::CodePlace::Here());

// Sets the latency to announce until frames are measured. Any thread while no frame is processed.
void gst_hepar_inference_seed_latency(GstHeparInference* self, GstClockTime latency);

// Whether upstream is live.
bool gst_hepar_inference_is_live(GstHeparInference* self);

const GstVideoInfo& gst_hepar_inference_get_video_info(GstHeparInference* self);
