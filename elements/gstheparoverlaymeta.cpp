// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparoverlaymeta.h"

#include <mutex>

namespace {

gboolean TransformOverlay(GstBuffer* to, GstCustomMeta*, GstBuffer*, GQuark, gpointer,
                          gpointer) noexcept {
  gst_buffer_set_hepar_overlay(to);
  return TRUE;
}

}  // namespace

void gst_hepar_overlay_meta_register() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Another copy of this code in the process (an application that links it) may have done so.
    if (gst_meta_get_info(GST_HEPAR_OVERLAY_META_NAME) != nullptr) return;
    const char* tags[] = {nullptr};
    gst_meta_register_custom(GST_HEPAR_OVERLAY_META_NAME, tags, TransformOverlay, nullptr, nullptr);
  });
}

void gst_buffer_set_hepar_overlay(GstBuffer* buffer) {
  g_return_if_fail(gst_buffer_is_writable(buffer));
  if (gst_buffer_has_hepar_overlay(buffer)) return;
  gst_buffer_add_custom_meta(buffer, GST_HEPAR_OVERLAY_META_NAME);
}

bool gst_buffer_has_hepar_overlay(GstBuffer* buffer) {
  return gst_buffer_get_custom_meta(buffer, GST_HEPAR_OVERLAY_META_NAME) != nullptr;
}
