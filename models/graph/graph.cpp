// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/graph/graph.h"

#include <iterator>

namespace hepar {
namespace {

// One entry for each alternative of Operator, in its order.
constexpr const char* kNames[] = {"convolution", "max_pool",  "adaptive_pool", "channel_reduce",
                                  "upsample",    "concat",    "add",           "multiply",
                                  "scale_shift", "attention", "lightness"};
static_assert(std::size(kNames) == std::variant_size_v<Operator>);

}  // namespace

std::vector<int> Graph::ClassifierParts() const {
  std::vector<int> parts;
  for (const int part : {specific, common, planes}) {
    if (part != kNoValue) parts.push_back(part);
  }
  return parts;
}

const char* NameOf(const Operator& op) { return kNames[op.index()]; }

double MacsOf(const Graph& graph, const Node& node) {
  const Shape& out = graph.values[node.output];
  const auto pixels = static_cast<double>(out.pixels());
  if (const auto* conv = std::get_if<Convolution>(&node.op)) {
    return pixels * static_cast<double>(conv->weight.size());
  }
  if (std::holds_alternative<PixelAttention>(node.op)) {
    const double channels = out.channels;
    return pixels * channels * (4.0 * channels + 2.0 * pixels);  // Projections and both products.
  }
  return 0.0;
}

}  // namespace hepar
