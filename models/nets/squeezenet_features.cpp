// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/squeezenet_features.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/pooling.h>

#include <utility>

#include "models/graph/graph_builder.h"
#include "models/nets/few_planes_conv.h"
#include "models/nets/folding.h"

namespace hepar {

namespace nn = torch::nn;

namespace {

struct FireImpl : nn::Module {
  FireImpl(int in, int squeezed, int expanded)
      : squeeze(register_module("squeeze", nn::Conv2d(nn::Conv2dOptions(in, squeezed, 1)))),
        expand1x1(
            register_module("expand1x1", nn::Conv2d(nn::Conv2dOptions(squeezed, expanded, 1)))),
        expand3x3(register_module(
            "expand3x3", nn::Conv2d(nn::Conv2dOptions(squeezed, expanded, 3).padding(1)))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    // In-place ReLU: neither the convolutions nor the concatenation need their outputs again.
    auto s = squeeze(x).relu_();
    return torch::cat({expand1x1(s), expand3x3(s)}, 1).relu_();
  }

  int Lower(GraphBuilder* graph, const std::string& name, int x) const {
    const auto append = [&](const char* part, const nn::Conv2d& conv, int input) {
      return graph->Append(name + part, FoldConvolution(conv, Activation::kRelu), input);
    };
    const int s = append(".squeeze", squeeze, x);
    const int left = append(".expand1x1", expand1x1, s);
    const int right = append(".expand3x3", expand3x3, s);
    return graph->Append(name + ".cat", Concat{}, {left, right});
  }

  nn::Conv2d squeeze{nullptr}, expand1x1{nullptr}, expand3x3{nullptr};
};
TORCH_MODULE(Fire);

nn::MaxPool2d Pool() { return nn::MaxPool2d(nn::MaxPool2dOptions(3).stride(2).ceil_mode(true)); }

}  // namespace

nn::Sequential MakeSqueezeNetFeatures(SqueezeNetVersion version, int in_planes) {
  // The positions are torchvision's, including ReLU and pooling layers. The first ReLU comes after
  // the pooling, which gives the same result for a quarter of the work.
  const auto relu = [] { return nn::ReLU(nn::ReLUOptions(true)); };
  if (version == SqueezeNetVersion::k1_0) {
    return nn::Sequential(nn::Conv2d(nn::Conv2dOptions(in_planes, 96, 7).stride(2)), Pool(), relu(),
                          Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), Pool(),
                          Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192),
                          Fire(384, 64, 256), Pool(), Fire(512, 64, 256));
  }
  return nn::Sequential(FewPlanesConv(nn::Conv2dOptions(in_planes, 64, 3).stride(2)), Pool(),
                        relu(), Fire(64, 16, 64), Fire(128, 16, 64), Pool(), Fire(128, 32, 128),
                        Fire(256, 32, 128), Pool(), Fire(256, 48, 192), Fire(384, 48, 192),
                        Fire(384, 64, 256), Fire(512, 64, 256));
}

void InitSqueezeNetConvolutions(nn::Module& module) {
  for (auto& child : module.modules(/*include_self=*/false)) {
    if (auto* conv = child->as<nn::Conv2dImpl>()) {
      nn::init::kaiming_uniform_(conv->weight);
      nn::init::zeros_(conv->bias);
    }
  }
}

int LowerSqueezeNetLayer(GraphBuilder* graph, const nn::Sequential& features, std::size_t index,
                         int x) {
  const std::string name = "classifier.features." + std::to_string(index);
  const auto layer = features->ptr(index);
  if (const auto* fire = layer->as<FireImpl>()) return fire->Lower(graph, name, x);
  if (layer->as<nn::MaxPool2dImpl>()) return graph->Append(name, MaxPool{3, 2, 0, true}, x);
  if (const auto conv = std::dynamic_pointer_cast<nn::Conv2dImpl>(layer)) {
    // Its ReLU, which the module applies after the pooling, can be part of the convolution.
    return graph->Append(name, FoldConvolution(nn::Conv2d(conv), Activation::kRelu), x);
  }
  return x;  // The ReLU.
}

}  // namespace hepar
