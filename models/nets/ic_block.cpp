// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/ic_block.h"

#include <algorithm>

namespace hepar {

void ChooseInnerStrides(int side, IcBlockOptions* options) {
  constexpr int kGrid = 14;
  const int total = std::max(2, side / kGrid);
  int log2 = 0;
  while ((1 << log2) < total) ++log2;
  options->stride1 = 1 << ((log2 + 1) / 2);
  options->stride2 = std::max(1, total / options->stride1);
}

IcBlockImpl::IcBlockImpl(const IcBlockOptions& o)
    : options(o),
      h0(register_module("h0", ConvBnRelu(o.in, o.out, 3))),
      e1(register_module("e1", ConvBnRelu(o.out, o.inner, 3))),
      e2(register_module("e2", ConvBnRelu(o.inner, o.inner, 3))),
      e3(register_module("e3", ConvBnRelu(o.inner, o.inner, 3))),
      position(register_module(
          "position",
          torch::nn::Conv2d(
              torch::nn::Conv2dOptions(o.inner, o.inner, 3).padding(1).groups(o.inner)))),
      attention(register_module("attention", GridAttention(o.inner, IcBlockOptions::kHeads))),
      dilated2(register_module("dilated2", ConvBnRelu(o.inner, o.inner, 3, 2))),
      dilated4(register_module("dilated4", ConvBnRelu(o.inner, o.inner, 3, 4))),
      inject2(register_module("inject2", ConvBnRelu(o.out, o.inner, 1))),
      inject1(register_module("inject1", ConvBnRelu(o.out, o.inner, 1))),
      d2(register_module("d2", ConvBnRelu(2 * o.inner, o.inner, 3))),
      d1(register_module("d1", ConvBnRelu(2 * o.inner, o.out, 3))) {}

torch::Tensor IcBlockImpl::forward(const torch::Tensor& x) {
  auto initial = h0(x);
  auto full = e1(initial);
  auto half = e2(PoolDown(full, options.stride1));
  auto grid = e3(PoolDown(half, options.stride2));

  auto located = grid + position(grid);
  auto b = located + attention(located);
  b = b + dilated4(dilated2(b));
  b = b + inject2(torch::adaptive_avg_pool2d(initial, {b.size(2), b.size(3)}));

  auto level1 = half + inject1(torch::adaptive_avg_pool2d(initial, {half.size(2), half.size(3)}));
  auto up2 = d2(torch::cat({UpsampleLike(b, half), level1}, 1));
  auto up1 = d1(torch::cat({UpsampleLike(up2, full), full}, 1));
  return up1 + initial;
}

}  // namespace hepar
