// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparframemeta.h"

#include <memory>
#include <new>
#include <utility>

namespace {

constexpr char kApiName[] = "GstHeparFrameMetaAPI";
constexpr char kMetaName[] = "GstHeparFrameMeta";

gboolean InitFrame(GstMeta* meta, gpointer, GstBuffer*) noexcept {
  reinterpret_cast<GstHeparFrameMeta*>(meta)->frame = nullptr;
  return TRUE;
}

void FreeFrame(GstMeta* meta, GstBuffer*) noexcept {
  delete reinterpret_cast<GstHeparFrameMeta*>(meta)->frame;
}

gboolean TransformFrame(GstBuffer* to, GstMeta* meta, GstBuffer*, GQuark, gpointer) noexcept {
  try {
    gst_buffer_set_hepar_frame(to, *reinterpret_cast<GstHeparFrameMeta*>(meta)->frame);
    return TRUE;
  } catch (const std::bad_alloc&) {
    return FALSE;
  }
}

GstHeparFrameMeta* FindFrame(GstBuffer* buffer) {
  return reinterpret_cast<GstHeparFrameMeta*>(
      gst_buffer_get_meta(buffer, gst_hepar_frame_meta_api_get_type()));
}

}  // namespace

GType gst_hepar_frame_meta_api_get_type() {
  static const GType type = [] {
    // Another copy of this code in the process may have registered the type.
    const GType registered = g_type_from_name(kApiName);
    if (registered != 0) return registered;
    const char* tags[] = {nullptr};
    return gst_meta_api_type_register(kApiName, tags);
  }();
  return type;
}

const GstMetaInfo* gst_hepar_frame_meta_get_info() {
  static const GstMetaInfo* info = [] {
    const GstMetaInfo* registered = gst_meta_get_info(kMetaName);
    if (registered != nullptr) return registered;
    return gst_meta_register(gst_hepar_frame_meta_api_get_type(), kMetaName,
                             sizeof(GstHeparFrameMeta), InitFrame, FreeFrame, TransformFrame);
  }();
  return info;
}

void gst_buffer_set_hepar_frame(GstBuffer* buffer, std::shared_ptr<hepar::FrameInference> frame) {
  g_return_if_fail(gst_buffer_is_writable(buffer));
  GstHeparFrameMeta* meta = FindFrame(buffer);
  if (frame == nullptr) {
    if (meta != nullptr) gst_buffer_remove_meta(buffer, &meta->meta);
    return;
  }
  if (meta != nullptr) {
    *meta->frame = std::move(frame);
    return;
  }
  // First, as it may fail: a meta without a frame must not be on the buffer.
  auto handle = std::make_unique<std::shared_ptr<hepar::FrameInference>>(std::move(frame));
  meta = reinterpret_cast<GstHeparFrameMeta*>(
      gst_buffer_add_meta(buffer, gst_hepar_frame_meta_get_info(), nullptr));
  meta->frame = handle.release();
}

std::shared_ptr<hepar::FrameInference> gst_buffer_get_hepar_frame(GstBuffer* buffer) {
  const GstHeparFrameMeta* meta = FindFrame(buffer);
  return meta == nullptr ? nullptr : *meta->frame;
}
