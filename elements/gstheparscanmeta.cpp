// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparscanmeta.h"

#include <gst/video/video.h>

#include <cmath>
#include <mutex>

namespace {

std::optional<double> GetOptional(const GstStructure* structure, const char* field) {
  double value = 0.0;
  if (!gst_structure_get_double(structure, field, &value) || !(value > 0.0)) return std::nullopt;
  return value;
}

bool FromStructure(const GstStructure* structure, GstHeparScan* scan) {
  GstHeparScan read;
  if (!gst_structure_get(structure, "x", G_TYPE_INT, &read.x, "y", G_TYPE_INT, &read.y, "width",
                         G_TYPE_INT, &read.width, "height", G_TYPE_INT, &read.height, "frame-width",
                         G_TYPE_INT, &read.frame_width, "frame-height", G_TYPE_INT,
                         &read.frame_height, nullptr)) {
    return false;
  }
  if (read.x < 0 || read.y < 0 || read.width < 1 || read.height < 1 ||
      read.width > read.frame_width - read.x || read.height > read.frame_height - read.y) {
    return false;
  }
  read.pixel_width_mm = GetOptional(structure, "pixel-width-mm");
  read.pixel_height_mm = GetOptional(structure, "pixel-height-mm");
  *scan = read;
  return true;
}

// Scales by the sides of the pictures. False where the meta does not describe the picture.
bool Scale(const GstVideoMetaTransform& transform, GstHeparScan* scan) {
  const int width = GST_VIDEO_INFO_WIDTH(transform.in_info);
  const int height = GST_VIDEO_INFO_HEIGHT(transform.in_info);
  if (scan->frame_width != width || scan->frame_height != height) return false;
  scan->frame_width = GST_VIDEO_INFO_WIDTH(transform.out_info);
  scan->frame_height = GST_VIDEO_INFO_HEIGHT(transform.out_info);
  const double across = static_cast<double>(scan->frame_width) / width;
  const double down = static_cast<double>(scan->frame_height) / height;
  const auto scaled = [](int position, double by) {
    return static_cast<int>(std::lround(position * by));
  };
  const int right = scaled(scan->x + scan->width, across);
  const int bottom = scaled(scan->y + scan->height, down);
  scan->x = scaled(scan->x, across);
  scan->y = scaled(scan->y, down);
  scan->width = right - scan->x;
  scan->height = bottom - scan->y;
  if (scan->pixel_width_mm) *scan->pixel_width_mm /= across;
  if (scan->pixel_height_mm) *scan->pixel_height_mm /= down;
  return scan->width > 0 && scan->height > 0;
}

gboolean TransformScan(GstBuffer* to, GstCustomMeta* meta, GstBuffer*, GQuark type, gpointer data,
                       gpointer) noexcept {
  GstHeparScan scan;
  if (!FromStructure(gst_custom_meta_get_structure(meta), &scan)) return TRUE;
  if (GST_VIDEO_META_TRANSFORM_IS_SCALE(type)) {
    if (!Scale(*static_cast<GstVideoMetaTransform*>(data), &scan)) return TRUE;
  } else if (!GST_META_TRANSFORM_IS_COPY(type)) {
    return TRUE;
  }
  gst_buffer_set_hepar_scan(to, scan);
  return TRUE;
}

}  // namespace

std::optional<double> GstHeparScan::depth_mm() const {
  if (!pixel_height_mm) return std::nullopt;
  return *pixel_height_mm * height;
}

void gst_hepar_scan_meta_register() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Another copy of this code in the process (an application that links it) may have done so.
    if (gst_meta_get_info(GST_HEPAR_SCAN_META_NAME) != nullptr) return;
    const char* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                          GST_META_TAG_VIDEO_ORIENTATION_STR, nullptr};
    gst_meta_register_custom(GST_HEPAR_SCAN_META_NAME, tags, TransformScan, nullptr, nullptr);
  });
}

void gst_hepar_scan_to_structure(const GstHeparScan& scan, GstStructure* structure) {
  gst_structure_set(structure, "x", G_TYPE_INT, scan.x, "y", G_TYPE_INT, scan.y, "width",
                    G_TYPE_INT, scan.width, "height", G_TYPE_INT, scan.height, "frame-width",
                    G_TYPE_INT, scan.frame_width, "frame-height", G_TYPE_INT, scan.frame_height,
                    nullptr);
  const auto set = [structure](const char* field, const std::optional<double>& value) {
    if (value) {
      gst_structure_set(structure, field, G_TYPE_DOUBLE, *value, nullptr);
    } else {
      gst_structure_remove_field(structure, field);
    }
  };
  set("pixel-width-mm", scan.pixel_width_mm);
  set("pixel-height-mm", scan.pixel_height_mm);
  set("depth-mm", scan.depth_mm());
}

void gst_buffer_set_hepar_scan(GstBuffer* buffer, const GstHeparScan& scan) {
  g_return_if_fail(gst_buffer_is_writable(buffer));
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, GST_HEPAR_SCAN_META_NAME);
  if (meta == nullptr) meta = gst_buffer_add_custom_meta(buffer, GST_HEPAR_SCAN_META_NAME);
  g_return_if_fail(meta != nullptr);
  gst_hepar_scan_to_structure(scan, gst_custom_meta_get_structure(meta));
}

bool gst_buffer_get_hepar_scan(GstBuffer* buffer, GstHeparScan* scan) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, GST_HEPAR_SCAN_META_NAME);
  return meta != nullptr && FromStructure(gst_custom_meta_get_structure(meta), scan);
}
