// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/video_view.h"

#include <algorithm>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

PixelFormat ToPixelFormat(const GstVideoInfo& info) {
  switch (GST_VIDEO_INFO_FORMAT(&info)) {
    case GST_VIDEO_FORMAT_GRAY8:
      return PixelFormat::kGray8;
    case GST_VIDEO_FORMAT_GRAY16_LE:
      return PixelFormat::kGray16Le;
    case GST_VIDEO_FORMAT_RGB:
      return PixelFormat::kRgb;
    case GST_VIDEO_FORMAT_BGR:
      return PixelFormat::kBgr;
    case GST_VIDEO_FORMAT_RGBx:
    case GST_VIDEO_FORMAT_xRGB:  // From its second byte on.
    case GST_VIDEO_FORMAT_ARGB:
      return PixelFormat::kRgbx;
    case GST_VIDEO_FORMAT_BGRx:
    case GST_VIDEO_FORMAT_xBGR:
    case GST_VIDEO_FORMAT_ABGR:
      return PixelFormat::kBgrx;
    case GST_VIDEO_FORMAT_RGBA:
      return PixelFormat::kRgba;
    case GST_VIDEO_FORMAT_BGRA:
      return PixelFormat::kBgra;
    case GST_VIDEO_FORMAT_I420:
      return PixelFormat::kI420;
    case GST_VIDEO_FORMAT_NV12:
      return PixelFormat::kNv12;
    case GST_VIDEO_FORMAT_YUY2:
      return PixelFormat::kYuy2;
    case GST_VIDEO_FORMAT_UYVY:
      return PixelFormat::kUyvy;
    default:
      throw Error(ErrorKind::kUnsupported,
                  std::string("video format ") + GST_VIDEO_INFO_NAME(&info) +
                      " is not supported: put videoconvert before this element");
  }
}

// The bytes in front of the first color of a pixel, in the formats that have the alpha there.
int LeadingBytes(GstVideoFormat format) {
  switch (format) {
    case GST_VIDEO_FORMAT_xRGB:
    case GST_VIDEO_FORMAT_ARGB:
    case GST_VIDEO_FORMAT_xBGR:
    case GST_VIDEO_FORMAT_ABGR:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

bool SamePicture(const GstVideoInfo& a, const GstVideoInfo& b) {
  return GST_VIDEO_INFO_FORMAT(&a) == GST_VIDEO_INFO_FORMAT(&b) &&
         GST_VIDEO_INFO_WIDTH(&a) == GST_VIDEO_INFO_WIDTH(&b) &&
         GST_VIDEO_INFO_HEIGHT(&a) == GST_VIDEO_INFO_HEIGHT(&b) &&
         gst_video_colorimetry_is_equal(&a.colorimetry, &b.colorimetry);
}

VideoMapping::VideoMapping(GstBuffer* buffer, const GstVideoInfo& info, GstMapFlags flags) {
  // The fields that map() reads and does not write; the caller's info is shared and const.
  GstVideoInfo copy = info;
  if (!gst_video_frame_map(&frame_, &copy, buffer,
                           static_cast<GstMapFlags>(flags | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))) {
    throw Error(ErrorKind::kFailed, "a buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                                        " bytes cannot be mapped as " + GST_VIDEO_INFO_NAME(&info) +
                                        " video of " + std::to_string(GST_VIDEO_INFO_WIDTH(&info)) +
                                        "x" + std::to_string(GST_VIDEO_INFO_HEIGHT(&info)) +
                                        ", which takes " +
                                        std::to_string(GST_VIDEO_INFO_SIZE(&info)) + " bytes");
  }
}

VideoMapping::~VideoMapping() { gst_video_frame_unmap(&frame_); }

MappedFrame::MappedFrame(GstBuffer* buffer, const GstVideoInfo& info)
    : mapping_(buffer, info, GST_MAP_READ) {
  if (!RepackedFrame::IsFor(GST_VIDEO_INFO_FORMAT(&info))) view_.format = ToPixelFormat(info);
  Describe(gst_buffer_get_video_crop_meta(buffer));
}

MappedFrame::~MappedFrame() = default;

const FrameView& LazyFrame::view() {
  if (!mapped_) mapped_.emplace(buffer_, info_);
  return mapped_->view();
}

void MappedFrame::Describe(const GstVideoCropMeta* crop) {
  const GstVideoFrame& frame = *mapping_.frame();
  const GstVideoFormatInfo* format = frame.info.finfo;
  const guint width = GST_VIDEO_FRAME_WIDTH(&frame);
  const guint height = GST_VIDEO_FRAME_HEIGHT(&frame);

  guint left = 0;
  guint top = 0;
  view_.width = static_cast<int>(width);
  view_.height = static_cast<int>(height);
  if (crop != nullptr) {
    if (crop->x >= width || crop->y >= height || crop->width > width - crop->x ||
        crop->height > height - crop->y) {
      throw Error(ErrorKind::kInvalid,
                  "the crop rectangle " + std::to_string(crop->x) + "," + std::to_string(crop->y) +
                      "," + std::to_string(crop->width) + "," + std::to_string(crop->height) +
                      " of a buffer lies outside its " + std::to_string(width) + "x" +
                      std::to_string(height) + " frame: fix the element upstream that sets it");
    }
    guint w_sub = 0;
    guint h_sub = 0;
    for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++c) {
      w_sub = std::max<guint>(w_sub, GST_VIDEO_FORMAT_INFO_W_SUB(format, c));
      h_sub = std::max<guint>(h_sub, GST_VIDEO_FORMAT_INFO_H_SUB(format, c));
    }
    left = crop->x >> w_sub << w_sub;
    top = crop->y >> h_sub << h_sub;
    view_.width = static_cast<int>(crop->x + crop->width - left);
    view_.height = static_cast<int>(crop->y + crop->height - top);
  }

  const GstVideoColorimetry& colorimetry = frame.info.colorimetry;
  gdouble kr = 0.0;
  gdouble kb = 0.0;
  if (gst_video_color_matrix_get_Kr_Kb(colorimetry.matrix, &kr, &kb)) {
    view_.kr = kr;
    view_.kb = kb;
  }
  // Y'CbCr without a range is video range, as in every decoder and scaler.
  view_.limited_range =
      colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235 ||
      (colorimetry.range == GST_VIDEO_COLOR_RANGE_UNKNOWN && GST_VIDEO_FORMAT_INFO_IS_YUV(format));

  if (RepackedFrame::IsFor(GST_VIDEO_FRAME_FORMAT(&frame))) {
    const GstVideoRectangle visible = {static_cast<gint>(left), static_cast<gint>(top), view_.width,
                                       view_.height};
    repacked_.emplace(frame, visible, view_.limited_range);
    view_.format = repacked_->format();
    view_.planes[0] = repacked_->data();
    view_.strides[0] = repacked_->stride();
    return;
  }
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(format, plane, components);
    const gint c = components[0];
    const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
    view_.strides[plane] = stride;
    view_.planes[plane] =
        static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane)) +
        static_cast<std::ptrdiff_t>(top >> GST_VIDEO_FORMAT_INFO_H_SUB(format, c)) * stride +
        static_cast<std::ptrdiff_t>(left >> GST_VIDEO_FORMAT_INFO_W_SUB(format, c)) *
            GST_VIDEO_FORMAT_INFO_PSTRIDE(format, c) +
        LeadingBytes(GST_VIDEO_FRAME_FORMAT(&frame));
  }
}

}  // namespace hepar
