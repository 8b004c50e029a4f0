// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/beside.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace hepar {
namespace {

// A full panel is 13.5 em wide, an em the 42nd part of the height or 9 pixels, and its margins are
// 0.6 em each (overlay_renderer.cpp).
constexpr double kStripEms = 15.0;
constexpr double kEmsPerHeight = 42.0;
constexpr double kSmallestEm = 9.0;

// Applies `move` to both ends of an int or a range of them. False where nothing above 0 is left.
template <typename Move>
bool MoveRange(const GValue* value, const Move& move, GValue* moved) {
  const bool is_range = GST_VALUE_HOLDS_INT_RANGE(value);
  if (!is_range && !G_VALUE_HOLDS_INT(value)) {
    g_value_init(moved, G_TYPE_INT);
    return false;
  }
  const gint64 low =
      move(is_range ? gst_value_get_int_range_min(value) : g_value_get_int(value), 0);
  const gint64 high =
      move(is_range ? gst_value_get_int_range_max(value) : g_value_get_int(value), 1);
  const auto lowest = static_cast<gint>(std::clamp<gint64>(low, 1, G_MAXINT));
  const auto highest = static_cast<gint>(std::clamp<gint64>(high, 0, G_MAXINT));
  if (lowest < highest) {
    g_value_init(moved, GST_TYPE_INT_RANGE);
    gst_value_set_int_range(moved, lowest, highest);
  } else {
    g_value_init(moved, G_TYPE_INT);
    g_value_set_int(moved, highest);
  }
  return highest >= lowest;
}

gint MinOf(const GValue* value, gint otherwise) {
  if (value == nullptr) return otherwise;
  if (GST_VALUE_HOLDS_INT_RANGE(value)) return gst_value_get_int_range_min(value);
  return G_VALUE_HOLDS_INT(value) ? g_value_get_int(value) : otherwise;
}

gint MaxOf(const GValue* value, gint otherwise) {
  if (value == nullptr) return otherwise;
  if (GST_VALUE_HOLDS_INT_RANGE(value)) return gst_value_get_int_range_max(value);
  return G_VALUE_HOLDS_INT(value) ? g_value_get_int(value) : otherwise;
}

OverlayPatch Black(int x, int y, int width, int height) {
  OverlayPatch patch;
  patch.x = x;
  patch.y = y;
  patch.width = width;
  patch.height = height;
  if (width > 0 && height > 0) {
    patch.pixels.assign(static_cast<std::size_t>(width) * height, 0xff000000);
  }
  return patch;
}

// For formats of 10 bits: whole lines, as GStreamer unpacks them.
void CopyUnpacked(const GstVideoFrame& in, const OverlayRect& visible, GstVideoFrame* out) {
  constexpr std::size_t kChannels = 4;
  const GstVideoFormatInfo* format = in.info.finfo;
  const int width = GST_VIDEO_FRAME_WIDTH(out);
  std::vector<guint16> line((static_cast<std::size_t>(visible.x + visible.width) + 6) * kChannels);
  std::vector<guint16> wide((static_cast<std::size_t>(width) + 6) * kChannels);
  for (std::size_t i = 0; i < wide.size(); ++i)
    wide[i] = i % kChannels < 2 ? 0 : 1 << 15;  // Black.
  for (int y = 0; y < visible.height; ++y) {
    format->unpack_func(format, GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE, line.data(), in.data,
                        in.info.stride, 0, visible.y + y, visible.x + visible.width);
    std::copy_n(line.begin() + static_cast<std::ptrdiff_t>(visible.x * kChannels),
                static_cast<std::size_t>(visible.width) * kChannels, wide.begin());
    format->pack_func(format, GST_VIDEO_PACK_FLAG_NONE, wide.data(), 0, out->data, out->info.stride,
                      out->info.chroma_site, y, width);
  }
}

void CopyPlanes(const GstVideoFrame& in, const OverlayRect& visible, GstVideoFrame* out) {
  const GstVideoFormatInfo* format = in.info.finfo;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&in); ++plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(format, plane, components);
    const gint first = components[0];
    // Of packed 4:2:2 an odd width ends in the middle of a pair, whose second luma is not the
    // picture's.
    const guint last_sub =
        GST_VIDEO_FORMAT_INFO_W_SUB(format, components[1] < 0 ? first : components[1]);
    const bool is_split =
        last_sub > GST_VIDEO_FORMAT_INFO_W_SUB(format, first) && visible.width % 2 == 1;
    const gint whole = is_split ? visible.width - 1 : visible.width;
    const gint bytes = GST_VIDEO_FORMAT_INFO_SCALE_WIDTH(format, first, whole) *
                       GST_VIDEO_FORMAT_INFO_PSTRIDE(format, first);
    const gint rows = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(format, first, visible.height);
    const std::ptrdiff_t left = (visible.x >> GST_VIDEO_FORMAT_INFO_W_SUB(format, first)) *
                                GST_VIDEO_FORMAT_INFO_PSTRIDE(format, first);
    const std::ptrdiff_t top = visible.y >> GST_VIDEO_FORMAT_INFO_H_SUB(format, first);
    const std::ptrdiff_t in_stride = GST_VIDEO_FRAME_PLANE_STRIDE(&in, plane);
    const std::ptrdiff_t out_stride = GST_VIDEO_FRAME_PLANE_STRIDE(out, plane);
    const auto* from =
        static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&in, plane)) + top * in_stride + left;
    auto* to = static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(out, plane));
    for (gint y = 0; y < rows; ++y) {
      std::memcpy(to + y * out_stride, from + y * in_stride, static_cast<std::size_t>(bytes));
      for (gint i = 0; is_split && i < GST_VIDEO_MAX_COMPONENTS && components[i] >= 0; ++i) {
        const auto at = static_cast<std::ptrdiff_t>(bytes) +
                        GST_VIDEO_FORMAT_INFO_POFFSET(format, components[i]);
        to[y * out_stride + at] = from[y * in_stride + at];
      }
    }
  }
}

}  // namespace

int StripWidth(int height) {
  const double em = std::max(kSmallestEm, height / kEmsPerHeight);
  return (static_cast<int>(std::ceil(kStripEms * em)) + 1) & ~1;
}

GstCaps* BesideCaps(const GstCaps* caps, bool widen) {
  GstCaps* other = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    GstStructure* structure = gst_structure_copy(gst_caps_get_structure(caps, i));
    const GValue* height = gst_structure_get_value(structure, "height");
    // A range of heights gives a range of strips.
    const int narrow = StripWidth(MinOf(height, 1)), broad = StripWidth(MaxOf(height, 1 << 15));
    const auto move = [&](gint64 width, int end) -> gint64 {
      if (widen) return width + (end == 0 ? narrow : broad);
      return width - (end == 0 ? broad : narrow);
    };
    bool is_possible = true;
    if (const GValue* width = gst_structure_get_value(structure, "width")) {
      g_auto(GValue) moved = G_VALUE_INIT;
      is_possible = MoveRange(width, move, &moved);
      if (is_possible) gst_structure_set_value(structure, "width", &moved);
    }
    if (is_possible) {
      gst_caps_append_structure_full(other, structure,
                                     gst_caps_features_copy(gst_caps_get_features(caps, i)));
    } else {
      gst_structure_free(structure);
    }
  }
  return other;
}

void BesideCopier::FillAround(const OverlayRect& visible, GstVideoFrame* out) {
  if (black_.empty() || !(filled_ == visible)) {
    const bool is_packed = IsTenBit(out_.finfo);
    // Patches begin at even places. What they cover of the picture is copied after them, or, in
    // packed lines, has been copied before them.
    const int right = is_packed ? (visible.width + 1) & ~1 : visible.width & ~1;
    const int below = is_packed ? (visible.height + 1) & ~1 : visible.height & ~1;
    const int width = GST_VIDEO_INFO_WIDTH(&out_), height = GST_VIDEO_INFO_HEIGHT(&out_);
    black_ = {MakeBlend(Black(right, 0, width - right, height), out_, 0, 0),
              MakeBlend(Black(0, below, right, height - below), out_, 0, 0)};
    filled_ = visible;
  }
  for (const BlendPatch& part : black_) Blend(part, out);
}

void BesideCopier::Copy(const GstVideoFrame& in, const OverlayRect& visible, GstVideoFrame* out) {
  if (IsTenBit(out_.finfo)) {
    CopyUnpacked(in, visible, out);
    FillAround(visible, out);
  } else {
    FillAround(visible, out);
    CopyPlanes(in, visible, out);
  }
}

}  // namespace hepar
