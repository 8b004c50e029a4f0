// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/folding.h"

#include <variant>

#include "models/nets/tensor_values.h"

namespace hepar {
namespace {

// Weight and bias are 64-bit floats, so that folding adds no rounding error.
Convolution MakeConvolution(const torch::nn::Conv2d& conv, const torch::Tensor& weight,
                            const torch::Tensor& bias, Activation activation) {
  // The variant is LibTorch's own in 1.13 and the standard one in 2.x.
  using std::get;
  const auto& options = conv->options;
  Convolution result;
  result.kernel_height = static_cast<int>(options.kernel_size()->at(0));
  result.kernel_width = static_cast<int>(options.kernel_size()->at(1));
  result.stride = static_cast<int>(options.stride()->at(0));
  result.padding = static_cast<int>(get<torch::ExpandingArray<2>>(options.padding())->at(0));
  result.dilation = static_cast<int>(options.dilation()->at(0));
  result.groups = static_cast<int>(options.groups());
  result.weight = ValuesOf(weight);
  result.bias = ValuesOf(bias);
  result.activation = activation;
  return result;
}

torch::Tensor InDouble(const torch::Tensor& tensor) { return tensor.detach().to(torch::kFloat64); }

torch::Tensor BiasOf(const torch::nn::Conv2d& conv) {
  return conv->bias.defined() ? InDouble(conv->bias)
                              : torch::zeros({conv->weight.size(0)}, torch::kFloat64);
}

}  // namespace

Convolution FoldConvolution(const torch::nn::Conv2d& conv, Activation activation) {
  return MakeConvolution(conv, conv->weight, BiasOf(conv), activation);
}

Convolution FoldConvolution(const torch::nn::Conv2d& conv, const BatchNorm2d& norm,
                            Activation activation) {
  const auto scale =
      InDouble(norm->weight) * torch::rsqrt(InDouble(norm->running_var) + norm->options.eps());
  const auto bias = (BiasOf(conv) - InDouble(norm->running_mean)) * scale + InDouble(norm->bias);
  return MakeConvolution(conv, InDouble(conv->weight) * scale.view({-1, 1, 1, 1}), bias,
                         activation);
}

Convolution FoldLinear(const torch::nn::Linear& linear, Activation activation) {
  Convolution result;
  result.weight = ValuesOf(linear->weight);
  result.bias = linear->bias.defined()
                    ? ValuesOf(linear->bias)
                    : std::vector<float>(static_cast<std::size_t>(linear->weight.size(0)), 0.f);
  result.activation = activation;
  return result;
}

}  // namespace hepar
