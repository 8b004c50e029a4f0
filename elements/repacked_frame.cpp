// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/repacked_frame.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hepar {
namespace {

// A line as GStreamer unpacks it: alpha, Y', Cb and Cr of each pixel, in 8 or 16 bits.
constexpr int kChannels = 4;
constexpr int kY = 1, kCb = 2, kCr = 3;

// 10 bits as the upper ones of 16, to 8.
std::uint8_t ToByte(guint16 sample, bool is_limited) {
  // In video range the levels of 8 bits are those of 10 without their last two; in full range the
  // lower bits repeat the upper ones, so that the largest number is the largest of 16 bits.
  return static_cast<std::uint8_t>(is_limited ? std::min(255, (sample + 128) >> 8)
                                              : (sample * 255u + 32767u) / 65535u);
}

std::uint8_t ToByte(guint8 sample, bool /*is_limited*/) { return sample; }

template <typename Sample>
void ToYuy2(const Sample* line, int width, bool is_limited, std::uint8_t* out) {
  for (int x = 0; x < width; x += 2, out += 4, line += 2 * kChannels) {
    // An incomplete pair is stored whole.
    const Sample* second = x + 1 < width ? line + kChannels : line;
    const auto mean = [&](int c) {
      return static_cast<std::uint8_t>(
          (ToByte(line[c], is_limited) + ToByte(second[c], is_limited) + 1) / 2);
    };
    out[0] = ToByte(line[kY], is_limited);
    out[1] = mean(kCb);
    out[2] = ToByte(second[kY], is_limited);
    out[3] = mean(kCr);
  }
}

void ToGray16(const guint16* line, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    const guint16 level = line[x * kChannels + kY];
    out[2 * x] = static_cast<std::uint8_t>(level & 255);
    out[2 * x + 1] = static_cast<std::uint8_t>(level >> 8);
  }
}

}  // namespace

bool RepackedFrame::IsFor(GstVideoFormat format) {
  switch (format) {
    case GST_VIDEO_FORMAT_Y444:
    case GST_VIDEO_FORMAT_Y42B:
    case GST_VIDEO_FORMAT_NV21:
    case GST_VIDEO_FORMAT_P010_10LE:
    case GST_VIDEO_FORMAT_v210:
    case GST_VIDEO_FORMAT_Y210:
    case GST_VIDEO_FORMAT_GRAY10_LE32:
      return true;
    default:
      return false;
  }
}

RepackedFrame::RepackedFrame(const GstVideoFrame& frame, const GstVideoRectangle& visible,
                             bool is_limited) {
  const GstVideoFormatInfo* info = frame.info.finfo;
  const bool is_gray = GST_VIDEO_FORMAT_INFO_IS_GRAY(info);
  const bool is_wide = info->unpack_format == GST_VIDEO_FORMAT_AYUV64;
  format_ = is_gray ? PixelFormat::kGray16Le : PixelFormat::kYuy2;
  stride_ = is_gray ? 2 * visible.w : (visible.w + 1) / 2 * 4;
  bytes_.reset(new std::uint8_t[static_cast<std::size_t>(stride_) * visible.h]);

  guint flags = GST_VIDEO_PACK_FLAG_NONE;
  if (is_limited) flags |= GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE;
  if (GST_VIDEO_FRAME_IS_INTERLACED(&frame)) flags |= GST_VIDEO_PACK_FLAG_INTERLACED;
  // Whole lines: packed groups of pixels begin at the left edge.
  const int width = visible.x + visible.w;
  std::vector<guint16> line(static_cast<std::size_t>(width + 6) * kChannels);
  for (int y = 0; y < visible.h; ++y) {
    info->unpack_func(info, static_cast<GstVideoPackFlags>(flags), line.data(), frame.data,
                      frame.info.stride, 0, visible.y + y, width);
    std::uint8_t* out = bytes_.get() + y * stride_;
    const guint16* words = line.data() + static_cast<std::ptrdiff_t>(visible.x) * kChannels;
    const guint8* bytes = reinterpret_cast<const guint8*>(line.data()) +
                          static_cast<std::ptrdiff_t>(visible.x) * kChannels;
    if (is_gray) {
      ToGray16(words, visible.w, out);
    } else if (is_wide) {
      ToYuy2(words, visible.w, is_limited, out);
    } else {
      ToYuy2(bytes, visible.w, is_limited, out);
    }
  }
}

}  // namespace hepar
