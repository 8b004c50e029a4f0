// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "models/graph/graph.h"

namespace hepar::cpu {

// The differences between oneDNN 2 (Debian 12) and 3 (Debian 13).

inline void AppendActivation(Activation activation, dnnl::post_ops* ops) {
  if (activation == Activation::kNone) return;
  const auto algorithm = activation == Activation::kRelu ? dnnl::algorithm::eltwise_relu
                                                         : dnnl::algorithm::eltwise_logistic;
#if DNNL_VERSION_MAJOR >= 3
  ops->append_eltwise(algorithm, 0.f, 0.f);
#else
  ops->append_eltwise(1.f, algorithm, 0.f, 0.f);
#endif
}

struct ConvolutionDescs {
  dnnl::memory::desc source, weights, bias, destination;
};

// For inference, with the stride, padding and dilation of `op`.
inline dnnl::convolution_forward::primitive_desc DescribeConvolution(
    const dnnl::engine& engine, const Convolution& op, const ConvolutionDescs& descs,
    const dnnl::primitive_attr& attributes) {
  using dnnl::memory;
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
  const memory::dims strides = {op.stride, op.stride}, padding = {op.padding, op.padding};
  const memory::dims dilation = {op.dilation - 1, op.dilation - 1};
#if DNNL_VERSION_MAJOR >= 3
  return {engine,  kKind,    kAlgorithm, descs.source, descs.weights, descs.bias, descs.destination,
          strides, dilation, padding,    padding,      attributes};
#else
  return {
      dnnl::convolution_forward::desc(kKind, kAlgorithm, descs.source, descs.weights, descs.bias,
                                      descs.destination, strides, dilation, padding, padding),
      attributes, engine};
#endif
}

// The dimensions of the weights of `op`; grouped convolutions have one more.
inline dnnl::memory::dims WeightDims(const Convolution& op, int in_channels, int out_channels) {
  if (op.groups == 1) return {out_channels, in_channels, op.kernel_height, op.kernel_width};
  return {op.groups, out_channels / op.groups, in_channels / op.groups, op.kernel_height,
          op.kernel_width};
}

}  // namespace hepar::cpu
