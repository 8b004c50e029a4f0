// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/graph/graph.h"

#include <gtest/gtest.h>

#include <set>

#include "models/error.h"
#include "models/graph/graph_builder.h"

namespace hepar {
namespace {

Convolution Pointwise(int in, int out, float weight) {
  Convolution conv;
  conv.weight.assign(static_cast<std::size_t>(in) * out, weight);
  conv.bias.assign(out, 1.f);
  return conv;
}

TEST(GraphBuilderTest, WorksOutShapes) {
  GraphBuilder graph({1, 33, 47});
  Convolution conv;
  conv.kernel_height = conv.kernel_width = 3;
  conv.stride = 2;
  conv.padding = 1;
  conv.weight.assign(4 * 9, 1.f);
  conv.bias.assign(4, 0.f);
  const int a = graph.Append("a", conv, 0);
  EXPECT_EQ(graph.shape(a), (Shape{4, 17, 24}));
  const int b = graph.Append("b", MaxPool{2, 2, 0, true}, a);
  EXPECT_EQ(graph.shape(b), (Shape{4, 9, 12}));
  EXPECT_EQ(graph.shape(graph.Append("c", MaxPool{2, 2, 0, false}, a)), (Shape{4, 8, 12}));
  const int d = graph.Append("d", Upsample{}, b, 17, 24);
  EXPECT_EQ(graph.shape(graph.Append("e", Concat{}, {d, a})), (Shape{8, 17, 24}));
}

// With rounding up, a window that would begin in the far padding is omitted, as in LibTorch.
TEST(GraphBuilderTest, NoWindowBeginsBeyondThePicture) {
  GraphBuilder graph({1, 1, 5});
  EXPECT_EQ(graph.shape(graph.Append("pool", MaxPool{1, 2, 0, true}, 0)), (Shape{1, 1, 3}));
  GraphBuilder padded({1, 4, 4});
  EXPECT_EQ(padded.shape(padded.Append("pool", MaxPool{2, 2, 1, true}, 0)), (Shape{1, 3, 3}));
}

TEST(GraphBuilderTest, NormalizationFoldsIntoAnUnpaddedConvolutionOnly) {
  for (const int padding : {0, 1}) {
    GraphBuilder graph({2, 4, 4});
    const int scaled = graph.Append("scale", ScaleShift{{2.f, 3.f}, {5.f, 7.f}}, 0);
    Convolution conv = Pointwise(2, 1, 10.f);
    conv.padding = padding;
    graph.graph().logits = graph.Append("conv", conv, scaled);
    graph.graph().specific = graph.graph().auxiliary_logits = graph.graph().common = 0;
    const Graph done = graph.Finish();
    ASSERT_EQ(done.nodes.size(), padding == 0 ? 1u : 2u);
    const auto& folded = std::get<Convolution>(done.nodes.back().op);
    if (padding == 0) {
      EXPECT_EQ(folded.weight, (std::vector<float>{20.f, 30.f}));
      EXPECT_EQ(folded.bias, (std::vector<float>{1.f + 50.f + 70.f}));
    } else {
      EXPECT_EQ(folded.weight, conv.weight);
    }
  }
}

TEST(GraphBuilderTest, NodesThatNoResultNeedsAreLeftOut) {
  GraphBuilder graph({1, 4, 4});
  graph.Append("unused", Pointwise(1, 3, 1.f), 0);
  const int used = graph.Append("used", Pointwise(1, 2, 1.f), 0);
  Graph& results = graph.graph();
  results.specific = results.common = results.reconstruction = results.auxiliary_logits = used;
  graph.BeginClassification();
  const Graph done = graph.Finish();
  ASSERT_EQ(done.nodes.size(), 1u);
  EXPECT_EQ(done.nodes[0].name, "used");
  EXPECT_EQ(done.decoupling_nodes, 1u);
  EXPECT_FALSE(done.has_classifier());
}

TEST(GraphBuilderTest, ShapesThatDoNotFitNameTheNode) {
  GraphBuilder graph({1, 2, 2});
  Convolution conv;
  conv.kernel_height = conv.kernel_width = 3;
  conv.weight.assign(9, 1.f);
  conv.bias.assign(1, 0.f);
  try {
    graph.Append("too.small", conv, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    EXPECT_NE(std::string(error.what()).find("too.small"), std::string::npos);
  }
  const int wide = graph.Append("wide", Pointwise(1, 3, 1.f), 0);
  EXPECT_THROW(graph.Append("add", Add{}, 0, wide), Error);
}

TEST(GraphTest, EveryOperatorHasANameOfItsOwn) {
  std::set<std::string> names = {NameOf(Convolution{}),  NameOf(MaxPool{}),
                                 NameOf(AdaptivePool{}), NameOf(ChannelReduce{}),
                                 NameOf(Upsample{}),     NameOf(Concat{}),
                                 NameOf(Add{}),          NameOf(Multiply{}),
                                 NameOf(ScaleShift{}),   NameOf(PixelAttention{}),
                                 NameOf(Lightness{})};
  EXPECT_EQ(names.size(), std::variant_size_v<Operator>);
}

}  // namespace
}  // namespace hepar
