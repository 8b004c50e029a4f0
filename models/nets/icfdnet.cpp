// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/icfdnet.h"

#include "models/graph/graph_builder.h"
#include "models/nets/folding.h"

namespace hepar {

namespace nn = torch::nn;

namespace {

// The inner strides are designed for this input size; other sizes also run.
constexpr int kDesignSize = 224;

IcBlock MakeStage(int in, int inner, int out, int side) {
  IcBlockOptions options;
  options.in = in;
  options.inner = inner;
  options.out = out;
  ChooseInnerStrides(side, &options);
  return IcBlock(options);
}

nn::Conv2d PointwiseHead(int in, int out) { return nn::Conv2d(nn::Conv2dOptions(in, out, 1)); }

// A feature map of the planes' size, in (0,1).
torch::Tensor RunHead(nn::Conv2d head, const torch::Tensor& x, const torch::Tensor& planes) {
  return torch::sigmoid(UpsampleLike(head(x), planes));
}

// As RunHead(). The activation belongs to the last of the two operators.
int LowerHead(GraphBuilder* graph, const std::string& name, const nn::Conv2d& head, int x,
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

int LowerGlobalMean(GraphBuilder* graph, const std::string& name, int x) {
  return graph->Append(name, AdaptivePool{}, x, 1, 1);
}

}  // namespace

IcfdTrunkImpl::IcfdTrunkImpl(int in_planes, const DecouplerShape& shape, DecouplerSkips skips)
    : skips(skips) {
  const auto& c = shape.widths;
  const auto& m = shape.inner;
  const int side = kDesignSize / shape.stem_stride;

  stem = register_module("stem", ConvBnRelu(in_planes, c[0], 3, 1, shape.stem_stride));
  e1 = register_module("e1", MakeStage(c[0], m[0], c[0], side));
  e2 = register_module("e2", MakeStage(c[0], m[1], c[1], side / 2));
  e3 = register_module("e3", MakeStage(c[1], m[2], c[2], side / 4));
  e4 = register_module("e4", MakeStage(c[2], m[3], c[3], side / 8));

  // Without a skip, the decoder stage has fewer input channels.
  const bool top = skips == DecouplerSkips::kAll;
  const bool lower = skips != DecouplerSkips::kNone;
  d3 = register_module("d3", MakeStage(c[3] + (lower ? c[2] : 0), m[2], c[2], side / 4));
  d2 = register_module("d2", MakeStage(c[2] + (lower ? c[1] : 0), m[1], c[1], side / 2));
  d1 = register_module("d1", MakeStage(c[1] + (top ? c[0] : 0), m[0], c[0], side));
}

IcfdFeatures IcfdTrunkImpl::forward(const torch::Tensor& planes) {
  auto x1 = e1(stem(planes));
  auto x2 = e2(PoolDown(x1, 2));
  auto x3 = e3(PoolDown(x2, 2));
  auto x4 = e4(PoolDown(x3, 2));

  const auto join = [](const torch::Tensor& deep, const torch::Tensor& skip, bool use_skip) {
    auto up = UpsampleLike(deep, skip);
    return use_skip ? torch::cat({up, skip}, 1) : up;
  };
  const bool lower = skips != DecouplerSkips::kNone;
  auto y3 = d3(join(x4, x3, lower));
  auto y2 = d2(join(y3, x2, lower));
  auto y1 = d1(join(y2, x1, skips == DecouplerSkips::kAll));
  return {y1, x4};
}

LoweredIcfdFeatures IcfdTrunkImpl::Lower(GraphBuilder* graph, const std::string& name,
                                         int planes) const {
  const auto at = [&name](const char* part) { return name + "." + part; };
  const auto join = [&](const char* up, const char* cat, int deep, int skip, bool use_skip) {
    const int larger = LowerUpsampleLike(graph, at(up), deep, skip);
    return use_skip ? graph->Append(at(cat), Concat{}, {larger, skip}) : larger;
  };
  const bool lower = skips != DecouplerSkips::kNone;
  const bool top = skips == DecouplerSkips::kAll;

  const int x0 = stem->Lower(graph, at("stem"), planes);
  const int x1 = e1->Lower(graph, at("e1"), x0);
  const int x2 = e2->Lower(graph, at("e2"), LowerPoolDown(graph, at("pool1"), x1, 2));
  const int x3 = e3->Lower(graph, at("e3"), LowerPoolDown(graph, at("pool2"), x2, 2));
  const int x4 = e4->Lower(graph, at("e4"), LowerPoolDown(graph, at("pool3"), x3, 2));
  const int y3 = d3->Lower(graph, at("d3"), join("up3", "cat3", x4, x3, lower));
  const int y2 = d2->Lower(graph, at("d2"), join("up2", "cat2", y3, x2, lower));
  const int y1 = d1->Lower(graph, at("d1"), join("up1", "cat1", y2, x1, top));
  return {y1, x4};
}

SpecificDecouplerImpl::SpecificDecouplerImpl(const Architecture& a)
    : trunk(register_module("trunk", IcfdTrunk(PlaneCount(a.planes), a.decoupler))),
      feature_head(register_module("feature_head",
                                   PointwiseHead(a.decoupler.widths.front(), a.feature_channels))),
      auxiliary(register_module(
          "auxiliary",
          nn::Linear(a.decoupler.widths.front() + a.decoupler.widths.back(), a.classes))) {}

SpecificOutput SpecificDecouplerImpl::forward(const torch::Tensor& planes) {
  const IcfdFeatures f = trunk(planes);
  auto pooled = torch::cat({f.decoded.mean({2, 3}), f.bottom.mean({2, 3})}, 1);
  return {RunHead(feature_head, f.decoded, planes), auxiliary(pooled)};
}

LoweredSpecificOutput SpecificDecouplerImpl::Lower(GraphBuilder* graph, const std::string& name,
                                                   int planes) const {
  const LoweredIcfdFeatures f = trunk->Lower(graph, name + ".trunk", planes);
  const int features = LowerHead(graph, name + ".feature_head", feature_head, f.decoded, planes);
  const int pooled = graph->Append(name + ".pooled", Concat{},
                                   {LowerGlobalMean(graph, name + ".mean_decoded", f.decoded),
                                    LowerGlobalMean(graph, name + ".mean_bottom", f.bottom)});
  const int logits =
      graph->Append(name + ".auxiliary", FoldLinear(auxiliary, Activation::kNone), pooled);
  return {features, logits};
}

CommonDecouplerImpl::CommonDecouplerImpl(const Architecture& a)
    : trunk(register_module("trunk", IcfdTrunk(PlaneCount(a.planes), a.decoupler, a.ic2_skips))),
      feature_head(register_module("feature_head",
                                   PointwiseHead(a.decoupler.widths.front(), a.feature_channels))),
      reconstruction_head(register_module(
          "reconstruction_head", PointwiseHead(a.decoupler.widths.front(), PlaneCount(a.planes)))) {
}

CommonOutput CommonDecouplerImpl::forward(const torch::Tensor& planes) {
  const IcfdFeatures f = trunk(planes);
  return {RunHead(feature_head, f.decoded, planes),
          RunHead(reconstruction_head, f.decoded, planes)};
}

LoweredCommonOutput CommonDecouplerImpl::Lower(GraphBuilder* graph, const std::string& name,
                                               int planes) const {
  const LoweredIcfdFeatures f = trunk->Lower(graph, name + ".trunk", planes);
  const int features = LowerHead(graph, name + ".feature_head", feature_head, f.decoded, planes);
  const int reconstruction =
      LowerHead(graph, name + ".reconstruction_head", reconstruction_head, f.decoded, planes);
  return {features, reconstruction};
}

}  // namespace hepar
