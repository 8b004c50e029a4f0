// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/few_planes_conv.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <tuple>
#include <variant>

namespace hepar {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Adds what each output pixel sends back, `columns` (oh * ow, C * kh * kw), to the pixels that it
// was made from: `plane_sums` (C, >= (oh - 1) * sy + kh, >= (ow - 1) * sx + kw), the padded input.
template <typename T>
void AddColumns(const torch::Tensor& columns, int64_t oh, int64_t ow, int64_t kh, int64_t kw,
                at::IntArrayRef stride, torch::Tensor& plane_sums) {
  const int64_t planes = plane_sums.size(0), height = plane_sums.size(1),
                width = plane_sums.size(2);
  const T* column = columns.data_ptr<T>();
  T* sums = plane_sums.data_ptr<T>();
  for (int64_t oy = 0; oy < oh; ++oy) {
    for (int64_t ox = 0; ox < ow; ++ox) {
      for (int64_t c = 0; c < planes; ++c) {
        T* to = sums + (c * height + oy * stride[0]) * width + ox * stride[1];
        for (int64_t ky = 0; ky < kh; ++ky, to += width) {
          for (int64_t kx = 0; kx < kw; ++kx) to[kx] += *column++;
        }
      }
    }
  }
}

torch::Tensor InputGradient(const torch::Tensor& output_gradient, const torch::Tensor& weight,
                            at::IntArrayRef input, at::IntArrayRef stride,
                            at::IntArrayRef padding) {
  const int64_t out = weight.size(0), planes = weight.size(1), kh = weight.size(2),
                kw = weight.size(3), oh = output_gradient.size(2), ow = output_gradient.size(3);
  // The rows of the product are pixels: no copy where the net is channels-last.
  const auto pixels = output_gradient.permute({0, 2, 3, 1}).contiguous();
  const auto weights = weight.reshape({out, planes * kh * kw});
  const int64_t height = std::max((oh - 1) * stride[0] + kh, input[2] + padding[0]);
  const int64_t width = std::max((ow - 1) * stride[1] + kw, input[3] + padding[1]);
  auto gradient = at::empty(input, weight.options(), at::MemoryFormat::Contiguous);
  at::parallel_for(0, input[0], 1, [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;
    auto sums = at::empty({planes, height, width}, weight.options());
    auto columns = at::empty({oh * ow, planes * kh * kw}, weight.options());
    for (int64_t i = begin; i < end; ++i) {
      at::mm_out(columns, pixels.select(0, i).view({oh * ow, out}), weights);
      sums.zero_();
      AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "InputGradient", [&] {
        AddColumns<scalar_t>(columns, oh, ow, kh, kw, stride, sums);
      });
      gradient.select(0, i).copy_(
          sums.narrow(1, padding[0], input[2]).narrow(2, padding[1], input[3]));
    }
  });
  return gradient;
}

struct FewPlanesFunction : torch::autograd::Function<FewPlanesFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               at::IntArrayRef stride, at::IntArrayRef padding) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride.vec();
    context->saved_data["padding"] = padding.vec();
    return torch::conv2d(x, weight, bias, stride, padding);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    const auto stride = context->saved_data["stride"].toIntVector();
    const auto padding = context->saved_data["padding"].toIntVector();
    const bool of_weight = context->needs_input_grad(1), of_bias = context->needs_input_grad(2);

    variable_list result(5);
    if (context->needs_input_grad(0)) {
      result[0] = InputGradient(gradients[0], weight, x.sizes(), stride, padding);
    }
    if (of_weight || of_bias) {
      std::tie(std::ignore, result[1], result[2]) = at::convolution_backward(
          gradients[0], x, weight, at::IntArrayRef{weight.size(0)}, stride, padding,
          /*dilation=*/{1, 1}, /*transposed=*/false, /*output_padding=*/{0, 0}, /*groups=*/1,
          {false, of_weight, of_bias});
    }
    return result;
  }
};

}  // namespace

torch::Tensor FewPlanesConv2d(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding) {
  constexpr int64_t kFew = 4;
  const auto type = weight.scalar_type();
  if (torch::GradMode::is_enabled() && x.requires_grad() && x.is_cpu() && x.size(1) <= kFew &&
      x.scalar_type() == type && (type == torch::kFloat32 || type == torch::kFloat64)) {
    // An autograd function of this LibTorch cannot take an undefined tensor.
    const auto shift = bias.defined() ? bias : torch::zeros({weight.size(0)}, weight.options());
    return FewPlanesFunction::apply(x, weight, shift, stride, padding);
  }
  return torch::conv2d(x, weight, bias, stride, padding);
}

torch::Tensor FewPlanesConvImpl::forward(const torch::Tensor& x) {
  // LibTorch 1.13 has a variant of its own, which brings its own get().
  using std::get;
  const auto& padding = get<torch::ExpandingArray<2>>(options.padding());
  return FewPlanesConv2d(x, weight, bias, *options.stride(), *padding);
}

}  // namespace hepar
