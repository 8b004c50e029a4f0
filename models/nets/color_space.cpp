// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/color_space.h"

namespace hepar {
namespace {

// ITU-R BT.601, section 2.5.1.
constexpr double kRed = 0.299, kGreen = 0.587, kBlue = 0.114;

torch::Tensor Plane(const torch::Tensor& rgb, int index) { return rgb.narrow(1, index, 1); }

torch::Tensor Luma(const torch::Tensor& rgb) {
  return kRed * Plane(rgb, 0) + kGreen * Plane(rgb, 1) + kBlue * Plane(rgb, 2);
}

// Y of sRGB (IEC 61966-2-1), then CIE 15: L* = 116 f(Y) - 16. The arguments of the powers are
// bounded from below, because a gradient of 0 * infinity is NaN.
torch::Tensor Lightness(const torch::Tensor& rgb) {
  auto linear = torch::where(rgb <= 0.04045, rgb / 12.92,
                             torch::pow((rgb.clamp_min(0.04045) + 0.055) / 1.055, 2.4));
  auto y = 0.2126 * Plane(linear, 0) + 0.7152 * Plane(linear, 1) + 0.0722 * Plane(linear, 2);
  constexpr double kKnee = 216.0 / 24389.0, kSlope = 24389.0 / 27.0;
  return torch::where(y <= kKnee, kSlope * y,
                      116.0 * torch::pow(y.clamp_min(kKnee), 1.0 / 3.0) - 16.0) /
         100.0;
}

}  // namespace

torch::Tensor SelectPlanes(const torch::Tensor& picture, ColorPlanes planes) {
  TORCH_CHECK(picture.dim() == 4 && (picture.size(1) == 1 || picture.size(1) == 3),
              "expected pictures of shape (B, 1 or 3, H, W), got ", picture.sizes());
  const bool grey = picture.size(1) == 1;
  // Each of these is the grey level itself where R = G = B.
  if (grey && (planes == ColorPlanes::kY || planes == ColorPlanes::kHsvV)) return picture;

  const auto rgb = grey ? picture.expand({-1, 3, -1, -1}) : picture;
  switch (planes) {
    case ColorPlanes::kY:
      return Luma(rgb);
    case ColorPlanes::kYcbcr: {
      auto y = Luma(rgb);
      auto cb = (Plane(rgb, 2) - y) / (2 * (1 - kBlue)) + 0.5;
      auto cr = (Plane(rgb, 0) - y) / (2 * (1 - kRed)) + 0.5;
      return torch::cat({y, cb, cr}, 1);
    }
    case ColorPlanes::kRgb:
      return rgb;
    case ColorPlanes::kHsvV:
      return std::get<0>(rgb.max(1, /*keepdim=*/true));
    case ColorPlanes::kLabL:
      return Lightness(rgb);
  }
  return picture;
}

}  // namespace hepar
