// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <memory>

#include "models/engine/engine.h"

// What the elements of this plugin hand to each other with each buffer: the lazily evaluated
// inference of one frame, and through it model, device and precision. Tensors stay on the device.
// Copied by reference with the buffer (transform keeps it through conversion and scaling); the
// picture it was prepared from is not held.
struct GstHeparFrameMeta {
  GstMeta meta;
  std::shared_ptr<hepar::FrameInference>* frame;  // Never null while attached.
};

GType gst_hepar_frame_meta_api_get_type();
const GstMetaInfo* gst_hepar_frame_meta_get_info();

// Attaches `frame` to a writable buffer, replacing the one it may have; null takes it away.
void gst_buffer_set_hepar_frame(GstBuffer* buffer, std::shared_ptr<hepar::FrameInference> frame);

// Null when the buffer has none.
std::shared_ptr<hepar::FrameInference> gst_buffer_get_hepar_frame(GstBuffer* buffer);
