// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/color_space.h"

#include <torch/utils.h>

#include <utility>
#include <vector>

#include "models/graph/graph_builder.h"
#include "models/nets/tensor_values.h"

namespace hepar {
namespace {

// ITU-R BT.601, section 2.5.1.
constexpr double kRed = 0.299, kGreen = 0.587, kBlue = 0.114;

torch::Tensor Plane(const torch::Tensor& rgb, int index) { return rgb.narrow(1, index, 1); }

torch::Tensor Luma(const torch::Tensor& rgb) {
  return kRed * Plane(rgb, 0) + kGreen * Plane(rgb, 1) + kBlue * Plane(rgb, 2);
}

// Y of sRGB (IEC 61966-2-1), then CIE 15: L* = 116 f(Y) - 16. The arguments of the powers have a
// lower bound, because a gradient of 0 * infinity is NaN.
torch::Tensor CieLightness(const torch::Tensor& rgb) {
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
  const bool is_gray = picture.size(1) == 1;
  // Each of these equals the gray level where R = G = B.
  if (is_gray && (planes == ColorPlanes::kY || planes == ColorPlanes::kHsvV)) return picture;

  const auto rgb = is_gray ? picture.expand({-1, 3, -1, -1}) : picture;
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
      return CieLightness(rgb);
  }
  return picture;
}

namespace {

// A selection that is an affine function of the colors, as a 1 x 1 convolution. The matrix is read
// from SelectPlanes(), so that the coefficients are defined once: the images of the unit vectors
// are its columns.
int LowerLinearPlanes(GraphBuilder* graph, ColorPlanes planes, int channels) {
  const torch::NoGradGuard no_grad;
  const auto zero = torch::zeros({1, channels, 1, 1}, torch::kFloat64);
  const auto offset = SelectPlanes(zero, planes).flatten();
  std::vector<torch::Tensor> columns;
  for (int c = 0; c < channels; ++c) {
    auto unit = zero.clone();
    unit[0][c].fill_(1.0);
    columns.push_back(SelectPlanes(unit, planes).flatten() - offset);
  }
  Convolution matrix;
  matrix.weight = ValuesOf(torch::stack(columns, 1));
  matrix.bias = ValuesOf(offset);
  return graph->Append("planes", std::move(matrix), 0);
}

}  // namespace

int LowerSelectPlanes(GraphBuilder* graph, ColorPlanes planes) {
  const int channels = graph->shape(0).channels;
  const bool same = channels == 1 && (planes == ColorPlanes::kY || planes == ColorPlanes::kHsvV);
  if (same || (channels == 3 && planes == ColorPlanes::kRgb)) return 0;
  switch (planes) {
    case ColorPlanes::kHsvV:
      return graph->Append("planes", ChannelReduce{ChannelReduce::Kind::kMax}, 0);
    case ColorPlanes::kLabL: {
      const int rgb = channels == 3 ? 0 : graph->Append("planes.rgb", Concat{}, {0, 0, 0});
      return graph->Append("planes", Lightness{}, rgb);
    }
    case ColorPlanes::kY:
    case ColorPlanes::kYcbcr:
    case ColorPlanes::kRgb:
      break;
  }
  return LowerLinearPlanes(graph, planes, channels);
}

}  // namespace hepar
