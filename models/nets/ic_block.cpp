// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/ic_block.h"

#include <algorithm>
#include <utility>

#include "models/graph/graph_builder.h"
#include "models/nets/folding.h"

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
  b = b + inject2(MeanLike(initial, b));

  auto level1 = half + inject1(MeanLike(initial, half));
  auto up2 = d2(torch::cat({UpsampleLike(b, half), level1}, 1));
  auto up1 = d1(torch::cat({UpsampleLike(up2, full), full}, 1));
  return up1 + initial;
}

int IcBlockImpl::Lower(GraphBuilder* graph, const std::string& name, int x) const {
  const auto at = [&name](const char* part) { return name + "." + part; };

  const int initial = h0->Lower(graph, at("h0"), x);
  const int full = e1->Lower(graph, at("e1"), initial);
  const int half =
      e2->Lower(graph, at("e2"), LowerPoolDown(graph, at("pool1"), full, options.stride1));
  const int grid =
      e3->Lower(graph, at("e3"), LowerPoolDown(graph, at("pool2"), half, options.stride2));

  Convolution located_by = FoldConvolution(position, Activation::kNone);
  located_by.residual = Residual::kBeforeActivation;
  const int located = graph->Append(at("position"), std::move(located_by), grid, grid);
  const int attended = attention->LowerWithResidual(graph, at("attention"), located);
  const int dilated = dilated2->Lower(graph, at("dilated2"), attended);
  const int enhanced = dilated4->Lower(graph, at("dilated4"), dilated, attended);
  const int deep = inject2->Lower(graph, at("inject2"),
                                  LowerMeanLike(graph, at("mean2"), initial, enhanced), enhanced);

  const int level1 =
      inject1->Lower(graph, at("inject1"), LowerMeanLike(graph, at("mean1"), initial, half), half);
  const int cat2 = graph->Append(at("cat2"), Concat{},
                                 {LowerUpsampleLike(graph, at("up2"), deep, half), level1});
  const int up2 = d2->Lower(graph, at("d2"), cat2);
  const int cat1 =
      graph->Append(at("cat1"), Concat{}, {LowerUpsampleLike(graph, at("up1"), up2, full), full});
  return d1->Lower(graph, at("d1"), cat1, initial);
}

}  // namespace hepar
