// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/graph/lowering.h"

#include <torch/utils.h>

#include <string>
#include <utility>
#include <vector>

#include "models/graph/folding.h"
#include "models/graph/graph_builder.h"
#include "models/nets/color_space.h"

namespace hepar {
namespace {

// SelectPlanes() as nodes. The linear ones are read off SelectPlanes itself, so that its
// coefficients stand in one place: the picture's unit vectors give the columns of the matrix.
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

int LowerPlanes(GraphBuilder* graph, ColorPlanes planes) {
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

int LowerCbr(GraphBuilder* graph, const std::string& name, const ConvBnRelu& module, int x,
             int residual = Graph::kNoValue) {
  Convolution conv = FoldConvolution(module->conv, module->bn, Activation::kRelu);
  if (residual != Graph::kNoValue) conv.residual = Residual::kAfterActivation;
  return graph->Append(name, std::move(conv), x, residual);
}

int LowerPoolDown(GraphBuilder* graph, const std::string& name, int x, int stride) {
  if (stride == 1) return x;
  return graph->Append(name, MaxPool{stride, stride, 0, true}, x);
}

int UpsampleLike(GraphBuilder* graph, const std::string& name, int x, int like) {
  const Shape target = graph->shape(like);
  return graph->Append(name, Upsample{}, x, target.height, target.width);
}

int MeanLike(GraphBuilder* graph, const std::string& name, int x, int like) {
  const Shape target = graph->shape(like);
  return graph->Append(name, AdaptivePool{}, x, target.height, target.width);
}

int LowerAttention(GraphBuilder* graph, const std::string& name, const GridAttention& module,
                   int x) {
  PixelAttention attention;
  attention.heads = module->heads;
  attention.epsilon = static_cast<float>(module->norm->options.eps());
  attention.norm_weight = ValuesOf(module->norm->weight);
  attention.norm_bias = ValuesOf(module->norm->bias);
  attention.qkv_weight = ValuesOf(module->qkv->weight);
  attention.qkv_bias = ValuesOf(module->qkv->bias);
  attention.proj_weight = ValuesOf(module->proj->weight);
  attention.proj_bias = ValuesOf(module->proj->bias);
  return graph->Append(name, std::move(attention), x);
}

int LowerIcBlock(GraphBuilder* graph, const std::string& name, const IcBlock& block, int x) {
  const auto at = [&name](const char* part) { return name + "." + part; };
  const IcBlockOptions& options = block->options;

  const int initial = LowerCbr(graph, at("h0"), block->h0, x);
  const int full = LowerCbr(graph, at("e1"), block->e1, initial);
  const int half = LowerCbr(graph, at("e2"), block->e2,
                            LowerPoolDown(graph, at("pool1"), full, options.stride1));
  const int grid = LowerCbr(graph, at("e3"), block->e3,
                            LowerPoolDown(graph, at("pool2"), half, options.stride2));

  Convolution position = FoldConvolution(block->position, Activation::kNone);
  position.residual = Residual::kBeforeActivation;
  const int located = graph->Append(at("position"), std::move(position), grid, grid);
  const int attended = LowerAttention(graph, at("attention"), block->attention, located);
  const int dilated = LowerCbr(graph, at("dilated2"), block->dilated2, attended);
  const int enhanced = LowerCbr(graph, at("dilated4"), block->dilated4, dilated, attended);
  const int deep = LowerCbr(graph, at("inject2"), block->inject2,
                            MeanLike(graph, at("mean2"), initial, enhanced), enhanced);

  const int level1 = LowerCbr(graph, at("inject1"), block->inject1,
                              MeanLike(graph, at("mean1"), initial, half), half);
  const int up2 = LowerCbr(
      graph, at("d2"), block->d2,
      graph->Append(at("cat2"), Concat{}, {UpsampleLike(graph, at("up2"), deep, half), level1}));
  return LowerCbr(
      graph, at("d1"), block->d1,
      graph->Append(at("cat1"), Concat{}, {UpsampleLike(graph, at("up1"), up2, full), full}),
      initial);
}

struct Trunk {
  int decoded, bottom;
};

Trunk LowerTrunk(GraphBuilder* graph, const std::string& name, const IcfdTrunk& trunk, int planes) {
  const auto at = [&name](const char* part) { return name + "." + part; };
  const auto join = [&](const char* up, const char* cat, int deep, int skip, bool use_skip) {
    const int larger = UpsampleLike(graph, at(up), deep, skip);
    return use_skip ? graph->Append(at(cat), Concat{}, {larger, skip}) : larger;
  };
  const bool lower = trunk->skips != DecouplerSkips::kNone;
  const bool top = trunk->skips == DecouplerSkips::kAll;

  const int x0 = LowerCbr(graph, at("stem"), trunk->stem, planes);
  const int x1 = LowerIcBlock(graph, at("e1"), trunk->e1, x0);
  const int x2 = LowerIcBlock(graph, at("e2"), trunk->e2, LowerPoolDown(graph, at("pool1"), x1, 2));
  const int x3 = LowerIcBlock(graph, at("e3"), trunk->e3, LowerPoolDown(graph, at("pool2"), x2, 2));
  const int x4 = LowerIcBlock(graph, at("e4"), trunk->e4, LowerPoolDown(graph, at("pool3"), x3, 2));
  const int y3 = LowerIcBlock(graph, at("d3"), trunk->d3, join("up3", "cat3", x4, x3, lower));
  const int y2 = LowerIcBlock(graph, at("d2"), trunk->d2, join("up2", "cat2", y3, x2, lower));
  const int y1 = LowerIcBlock(graph, at("d1"), trunk->d1, join("up1", "cat1", y2, x1, top));
  return {y1, x4};
}

// sigmoid(upsample(conv(x))): the activation goes to whichever comes last.
int LowerHead(GraphBuilder* graph, const std::string& name, const torch::nn::Conv2d& head, int x,
              int planes) {
  const Shape target = graph->shape(planes);
  const bool grows =
      graph->shape(x).height != target.height || graph->shape(x).width != target.width;
  const int map = graph->Append(
      name, FoldConvolution(head, grows ? Activation::kNone : Activation::kSigmoid), x);
  if (!grows) return map;
  return graph->Append(name + ".up", Upsample{Activation::kSigmoid}, map, target.height,
                       target.width);
}

int GlobalMean(GraphBuilder* graph, const std::string& name, int x) {
  return graph->Append(name, AdaptivePool{}, x, 1, 1);
}

void LowerSpecific(GraphBuilder* graph, const SpecificDecoupler& ic1, int planes) {
  const Trunk trunk = LowerTrunk(graph, "ic1.trunk", ic1->trunk, planes);
  Graph& results = graph->graph();
  results.specific = LowerHead(graph, "ic1.feature_head", ic1->feature_head, trunk.decoded, planes);
  const int pooled = graph->Append("ic1.pooled", Concat{},
                                   {GlobalMean(graph, "ic1.mean_decoded", trunk.decoded),
                                    GlobalMean(graph, "ic1.mean_bottom", trunk.bottom)});
  results.auxiliary_logits =
      graph->Append("ic1.auxiliary", FoldLinear(ic1->auxiliary, Activation::kNone), pooled);
}

void LowerCommon(GraphBuilder* graph, const CommonDecoupler& ic2, int planes) {
  const Trunk trunk = LowerTrunk(graph, "ic2.trunk", ic2->trunk, planes);
  Graph& results = graph->graph();
  results.common = LowerHead(graph, "ic2.feature_head", ic2->feature_head, trunk.decoded, planes);
  results.reconstruction =
      LowerHead(graph, "ic2.reconstruction_head", ic2->reconstruction_head, trunk.decoded, planes);
}

void LowerClassifier(GraphBuilder* graph, const SeverityNet& net) {
  const Architecture& a = net->architecture;
  Graph& results = graph->graph();
  const std::vector<int> parts = results.ClassifierParts();
  const int joined =
      parts.size() == 1 ? parts[0] : graph->Append("classifier.planes", Concat{}, parts);
  const auto channels = static_cast<std::size_t>(graph->shape(joined).channels);
  const int normalised =
      graph->Append("classifier.normalise",
                    ScaleShift{std::vector<float>(channels, static_cast<float>(1.0 / a.std)),
                               std::vector<float>(channels, static_cast<float>(-a.mean / a.std)),
                               Activation::kNone},
                    joined);
  results.logits = net->classifier->Lower(graph, normalised);
}

}  // namespace

Graph LowerToGraph(SeverityNet net, int picture_channels, int height, int width) {
  GraphBuilder graph({picture_channels, height, width});
  const int planes = LowerPlanes(&graph, net->architecture.planes);

  graph.graph().planes = planes;
  if (net->ic1) LowerSpecific(&graph, net->ic1, planes);
  if (net->ic2) LowerCommon(&graph, net->ic2, planes);
  graph.BeginClassification();
  LowerClassifier(&graph, net);
  return graph.Finish();
}

}  // namespace hepar
