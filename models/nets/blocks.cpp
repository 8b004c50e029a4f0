// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/blocks.h"

#include <torch/nn/functional/upsampling.h>

#include <array>
#include <cmath>
#include <utility>

#include "models/graph/graph_builder.h"
#include "models/nets/few_planes_conv.h"
#include "models/nets/folding.h"
#include "models/nets/tensor_values.h"

namespace hepar {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

ConvBnReluImpl::ConvBnReluImpl(int in, int out, int kernel, int dilation, int stride)
    : conv(register_module("conv", nn::Conv2d(nn::Conv2dOptions(in, out, kernel)
                                                  .padding(dilation * (kernel / 2))
                                                  .dilation(dilation)
                                                  .stride(stride)
                                                  .bias(false)))),
      bn(register_module("bn", BatchNorm2d(out))),
      padding_(dilation * (kernel / 2)) {
  // LibTorch's default initialization is kept. It reduces the variance from layer to layer. In
  // training, batch normalization compensates for that; before, with initial statistics, it keeps
  // the residual sums from saturating the sigmoids of the heads.
}

torch::Tensor ConvBnReluImpl::forward(const torch::Tensor& x) {
  const bool learns = torch::GradMode::is_enabled() && conv->weight.requires_grad();
  // The gradient of neither needs its input, so ReLU can be in place.
  if (bn->is_training() || learns) return bn(conv(x)).relu_();

  // With fixed statistics the normalization is a scale and shift of each output channel. Folding it
  // into the convolution saves a pass over the map and one over its gradient.
  const auto scale = bn->weight * torch::rsqrt(bn->running_var + bn->options.eps());
  const auto shift = bn->bias - bn->running_mean * scale;
  const auto weight = conv->weight * scale.view({-1, 1, 1, 1});
  const auto &stride = *conv->options.stride(), &dilation = *conv->options.dilation();
  const std::array<int64_t, 2> padding = {padding_, padding_};
  return (dilation[0] == 1 ? FewPlanesConv2d(x, weight, shift, stride, padding)
                           : torch::conv2d(x, weight, shift, stride, padding, dilation))
      .relu_();
}

int ConvBnReluImpl::Lower(GraphBuilder* graph, const std::string& name, int x, int residual) const {
  Convolution folded = FoldConvolution(conv, bn, Activation::kRelu);
  if (residual != Graph::kNoValue) folded.residual = Residual::kAfterActivation;
  return graph->Append(name, std::move(folded), x, residual);
}

GridAttentionImpl::GridAttentionImpl(int channels, int heads)
    : heads(heads),
      norm(register_module("norm", nn::LayerNorm(nn::LayerNormOptions({channels})))),
      qkv(register_module("qkv", nn::Linear(channels, 3 * channels))),
      proj(register_module("proj", nn::Linear(channels, channels))) {
  TORCH_CHECK(channels % heads == 0, "attention width ", channels, " is not a multiple of ", heads,
              " heads");
}

torch::Tensor GridAttentionImpl::forward(const torch::Tensor& x) {
  const auto batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const auto tokens = height * width, head_width = channels / heads;

  auto t = norm(x.flatten(2).transpose(1, 2));                      // B, N, C
  auto split = qkv(t).view({batch, tokens, 3, heads, head_width});  // B, N, 3, h, C/h
  auto parts = split.permute({2, 0, 3, 1, 4});                      // 3, B, h, N, C/h
  auto q = parts[0], k = parts[1], v = parts[2];
  auto weights = torch::softmax(
      torch::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(head_width)), -1);
  auto mixed = torch::matmul(weights, v).transpose(1, 2).reshape({batch, tokens, channels});
  return proj(mixed).transpose(1, 2).reshape({batch, channels, height, width});
}

int GridAttentionImpl::LowerWithResidual(GraphBuilder* graph, const std::string& name,
                                         int x) const {
  PixelAttention attention;
  attention.heads = heads;
  attention.epsilon = static_cast<float>(norm->options.eps());
  attention.norm_weight = ValuesOf(norm->weight);
  attention.norm_bias = ValuesOf(norm->bias);
  attention.qkv_weight = ValuesOf(qkv->weight);
  attention.qkv_bias = ValuesOf(qkv->bias);
  attention.proj_weight = ValuesOf(proj->weight);
  attention.proj_bias = ValuesOf(proj->bias);
  return graph->Append(name, std::move(attention), x);
}

torch::Tensor UpsampleLike(const torch::Tensor& x, const torch::Tensor& like) {
  if (x.size(2) == like.size(2) && x.size(3) == like.size(3)) return x;
  // LibTorch's gradient of this operator is several times slower in bf16 than in fp32.
  if (x.scalar_type() == torch::kBFloat16 && x.is_cpu()) {
    return UpsampleLike(x.to(torch::kFloat32), like).to(torch::kBFloat16);
  }
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<int64_t>{like.size(2), like.size(3)})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

int LowerUpsampleLike(GraphBuilder* graph, const std::string& name, int x, int like) {
  const Shape target = graph->shape(like);
  return graph->Append(name, Upsample{}, x, target.height, target.width);
}

torch::Tensor MeanLike(const torch::Tensor& x, const torch::Tensor& like) {
  return torch::adaptive_avg_pool2d(x, {like.size(2), like.size(3)});
}

int LowerMeanLike(GraphBuilder* graph, const std::string& name, int x, int like) {
  const Shape target = graph->shape(like);
  return graph->Append(name, AdaptivePool{}, x, target.height, target.width);
}

torch::Tensor PoolDown(const torch::Tensor& x, int stride) {
  if (stride == 1) return x;
  return torch::max_pool2d(x, {stride, stride}, {stride, stride}, {0, 0}, {1, 1},
                           /*ceil_mode=*/true);
}

int LowerPoolDown(GraphBuilder* graph, const std::string& name, int x, int stride) {
  if (stride == 1) return x;
  return graph->Append(name, MaxPool{stride, stride, 0, /*ceil_mode=*/true}, x);
}

}  // namespace hepar
