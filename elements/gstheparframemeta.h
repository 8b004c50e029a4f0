// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <memory>

#include "models/engine/engine.h"

// The handle that the elements of this plugin attach to each buffer: the lazily evaluated inference
// of one frame, with its model, device and precision. Tensors stay on the device. The meta is
// copied by reference with the buffer and survives conversion and scaling. It does not hold the
// picture that the frame was prepared from.
struct GstHeparFrameMeta {
  GstMeta meta;
  std::shared_ptr<hepar::FrameInference>* frame;  // Never null while attached.
};

GType gst_hepar_frame_meta_api_get_type();
const GstMetaInfo* gst_hepar_frame_meta_get_info();

// Attaches `frame` to a writable buffer and replaces the one it may have. Null removes it.
void gst_buffer_set_hepar_frame(GstBuffer* buffer, std::shared_ptr<hepar::FrameInference> frame);

// Returns null if the buffer has none.
std::shared_ptr<hepar::FrameInference> gst_buffer_get_hepar_frame(GstBuffer* buffer);
