// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/blend.h"

#include <algorithm>
#include <cmath>

namespace hepar {
namespace {

// A component as a linear function of R', G', B' in [0,1].
struct ComponentRule {
  float offset;
  float red, green, blue;
};

ComponentRule RuleOf(const GstVideoInfo& info, int component) {
  const GstVideoFormatInfo* format = info.finfo;
  GstVideoColorRange range = info.colorimetry.range;
  // Y'CbCr without a range is video range, as in the rest of the plugin.
  if (range == GST_VIDEO_COLOR_RANGE_UNKNOWN) {
    range = GST_VIDEO_FORMAT_INFO_IS_YUV(format) ? GST_VIDEO_COLOR_RANGE_16_235
                                                 : GST_VIDEO_COLOR_RANGE_0_255;
  }
  gint offsets[GST_VIDEO_MAX_COMPONENTS];
  gint scales[GST_VIDEO_MAX_COMPONENTS];
  gst_video_color_range_offsets(range, format, offsets, scales);
  const auto scale = static_cast<float>(scales[component]);
  ComponentRule rule = {static_cast<float>(offsets[component]), 0.f, 0.f, 0.f};

  if (component == GST_VIDEO_COMP_A) {
    // Drawn pixels are opaque.
    rule.offset = static_cast<float>((1 << GST_VIDEO_FORMAT_INFO_DEPTH(format, component)) - 1);
    return rule;
  }
  if (GST_VIDEO_FORMAT_INFO_IS_RGB(format)) {
    (component == GST_VIDEO_COMP_R   ? rule.red
     : component == GST_VIDEO_COMP_G ? rule.green
                                     : rule.blue) = scale;
    return rule;
  }

  gdouble matrix_kr = 0.299;
  gdouble matrix_kb = 0.114;
  gst_video_color_matrix_get_Kr_Kb(info.colorimetry.matrix, &matrix_kr, &matrix_kb);
  const auto kr = static_cast<float>(matrix_kr);
  const auto kb = static_cast<float>(matrix_kb);
  const float kg = 1.f - kr - kb;
  if (component == GST_VIDEO_COMP_Y) {
    rule.red = scale * kr;
    rule.green = scale * kg;
    rule.blue = scale * kb;
  } else if (component == GST_VIDEO_COMP_U) {
    rule.blue = scale / 2.f;
    rule.red = -rule.blue * kr / (1.f - kb);
    rule.green = -rule.blue * kg / (1.f - kb);
  } else {
    rule.red = scale / 2.f;
    rule.green = -rule.red * kg / (1.f - kr);
    rule.blue = -rule.red * kb / (1.f - kr);
  }
  return rule;
}

// Sums of the premultiplied pixels of one sample.
struct PixelSum {
  std::uint32_t alpha = 0, red = 0, green = 0, blue = 0;

  void Add(std::uint32_t word) {
    alpha += word >> 24;
    red += (word >> 16) & 255;
    green += (word >> 8) & 255;
    blue += word & 255;
  }
};

// The samples of one component; kStepX x kStepY pixels share one.
template <int kStepX, int kStepY>
void FillComponent(const OverlayPatch& patch, const ComponentRule& rule, BlendComponent* result) {
  std::size_t at = 0;
  for (int y = 0; y < patch.height; y += kStepY) {
    const int rows = std::min(kStepY, patch.height - y);
    const std::uint32_t* top = &patch.pixels[static_cast<std::size_t>(y) * patch.width];
    for (int x = 0; x < patch.width; x += kStepX, ++at) {
      const int columns = std::min(kStepX, patch.width - x);
      PixelSum sum;
      for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < columns; ++column) {
          sum.Add(top[static_cast<std::size_t>(row) * patch.width + x + column]);
        }
      }
      const auto count = static_cast<std::uint32_t>(rows * columns);
      const std::uint32_t alpha = (sum.alpha + count / 2) / count;
      // The colors are premultiplied by alpha; the offset is not.
      const float add =
          rule.offset * static_cast<float>(alpha) +
          (rule.red * static_cast<float>(sum.red) + rule.green * static_cast<float>(sum.green) +
           rule.blue * static_cast<float>(sum.blue)) /
              static_cast<float>(count);
      result->keep[at] = 255 - alpha;
      result->add[at] = static_cast<std::uint32_t>(std::lround(std::max(add, 0.f)));
    }
  }
}

BlendComponent MakeComponent(const OverlayPatch& patch, const GstVideoInfo& info, int component) {
  const int sub_x = GST_VIDEO_FORMAT_INFO_W_SUB(info.finfo, component);
  const int sub_y = GST_VIDEO_FORMAT_INFO_H_SUB(info.finfo, component);
  const ComponentRule rule = RuleOf(info, component);

  BlendComponent result;
  result.x = patch.x >> sub_x;
  result.y = patch.y >> sub_y;
  result.width = GST_VIDEO_SUB_SCALE(sub_x, patch.width);
  result.height = GST_VIDEO_SUB_SCALE(sub_y, patch.height);
  result.keep.resize(static_cast<std::size_t>(result.width) * result.height);
  result.add.resize(result.keep.size());
  if (sub_y > 0) {
    FillComponent<2, 2>(patch, rule, &result);  // I420, NV12: no format halves only the height.
  } else if (sub_x > 0) {
    FillComponent<2, 1>(patch, rule, &result);
  } else {
    FillComponent<1, 1>(patch, rule, &result);
  }
  return result;
}

// Lines of 10 bits are blended as GStreamer unpacks them: AYUV64.

GstVideoInfo BlendedInfo(const GstVideoInfo& info) {
  if (!IsTenBit(info.finfo)) return info;
  GstVideoInfo unpacked;
  gst_video_info_set_format(&unpacked, info.finfo->unpack_format, GST_VIDEO_INFO_WIDTH(&info),
                            GST_VIDEO_INFO_HEIGHT(&info));
  unpacked.colorimetry = info.colorimetry;
  return unpacked;
}

template <typename Sample>
void BlendRow(Sample* row, std::ptrdiff_t step, const std::uint32_t* keep, const std::uint32_t* add,
              int width, std::uint32_t largest) {
  for (int x = 0; x < width; ++x) {
    Sample& sample = row[x * step];
    const std::uint32_t blended = (sample * keep[x] + add[x] + 127) / 255;
    sample = static_cast<Sample>(std::min(blended, largest));
  }
}

// Unpacks the rows that a patch covers, blends and packs them again.
void BlendUnpacked(const BlendPatch& blend, GstVideoFrame* frame) {
  constexpr int kChannels = 4;
  const GstVideoFormatInfo* format = frame->info.finfo;
  const GstVideoFormatInfo* unpacked = gst_video_format_get_info(format->unpack_format);
  const int width = GST_VIDEO_FRAME_WIDTH(frame);
  // GStreamer packs and unpacks groups of pixels as a whole.
  std::vector<guint16> line(static_cast<std::size_t>(width + 6) * kChannels);
  const BlendComponent& first = blend.front();
  for (int y = 0; y < first.height; ++y) {
    // With the lower bits 0, packing drops nothing but what was blended.
    format->unpack_func(format, GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE, line.data(), frame->data,
                        frame->info.stride, 0, first.y + y, width);
    for (std::size_t i = 0; i < blend.size(); ++i) {
      const BlendComponent& component = blend[i];
      const std::size_t at = static_cast<std::size_t>(y) * component.width;
      const gint offset = GST_VIDEO_FORMAT_INFO_POFFSET(unpacked, i) / 2;
      BlendRow(line.data() + static_cast<std::ptrdiff_t>(component.x) * kChannels + offset,
               kChannels, &component.keep[at], &component.add[at], component.width, 65535);
    }
    format->pack_func(format, GST_VIDEO_PACK_FLAG_NONE, line.data(), 0, frame->data,
                      frame->info.stride, frame->info.chroma_site, first.y + y, width);
  }
}

}  // namespace

bool IsTenBit(const GstVideoFormatInfo* format) {
  return GST_VIDEO_FORMAT_INFO_DEPTH(format, 0) == 10;
}

BlendPatch MakeBlend(OverlayPatch patch, const GstVideoInfo& frame_info, int x, int y) {
  BlendPatch blend;
  if (patch.empty()) return blend;
  const GstVideoInfo info = BlendedInfo(frame_info);
  patch.x += x;
  patch.y += y;
  const int components = static_cast<int>(GST_VIDEO_INFO_N_COMPONENTS(&info));
  for (int component = 0; component < components; ++component) {
    blend.push_back(MakeComponent(patch, info, component));
  }
  return blend;
}

void Blend(const BlendPatch& blend, GstVideoFrame* frame) {
  if (blend.empty()) return;
  if (IsTenBit(frame->info.finfo)) {
    BlendUnpacked(blend, frame);
    return;
  }
  for (std::size_t i = 0; i < blend.size(); ++i) {
    const BlendComponent& component = blend[i];
    const int index = static_cast<int>(i);
    const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, index);
    const bool wide = GST_VIDEO_FRAME_COMP_DEPTH(frame, index) > 8;
    auto* row = static_cast<guint8*>(GST_VIDEO_FRAME_COMP_DATA(frame, index));
    const std::ptrdiff_t stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, index);
    row += component.y * stride + static_cast<std::ptrdiff_t>(component.x) * step;
    for (int y = 0; y < component.height; ++y, row += stride) {
      const std::uint32_t* keep = &component.keep[static_cast<std::size_t>(y) * component.width];
      const std::uint32_t* add = &component.add[static_cast<std::size_t>(y) * component.width];
      if (wide) {
        BlendRow(reinterpret_cast<guint16*>(row), step / 2, keep, add, component.width, 65535);
      } else if (step == 1) {
        BlendRow(row, 1, keep, add, component.width, 255);  // Known step, so that it vectorizes.
      } else {
        BlendRow(row, step, keep, add, component.width, 255);
      }
    }
  }
}

}  // namespace hepar
