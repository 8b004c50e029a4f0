// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/squeezenet.h"

#include <utility>

#include "models/graph/folding.h"
#include "models/graph/graph_builder.h"
#include "models/nets/few_planes_conv.h"

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
    // ReLU works in place: neither the convolutions nor the concatenation need their results again.
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

nn::Sequential MakeFeatures(SqueezeNetVersion version, int in_planes) {
  // The positions are torchvision's, ReLU and pooling layers counted. The first ReLU comes behind
  // the pooling, which gives the same for a quarter of the work.
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

}  // namespace

SqueezeNet::SqueezeNet(SqueezeNetVersion version, int in_planes, int classes, bool final_relu)
    : final_relu_(final_relu), features_(MakeFeatures(version, in_planes)) {
  auto last = nn::Conv2d(nn::Conv2dOptions(512, classes, 1));
  classifier_ = nn::Sequential(nn::Dropout(0.5), last);
  register_module("features", features_);
  register_module("classifier", classifier_);

  // As the reference implementation: He-uniform everywhere, a narrow normal for the last layer.
  for (auto& module : modules(/*include_self=*/false)) {
    if (auto* conv = module->as<nn::Conv2dImpl>()) {
      if (conv == last.get()) {
        nn::init::normal_(conv->weight, 0.0, 0.01);
      } else {
        nn::init::kaiming_uniform_(conv->weight);
      }
      nn::init::zeros_(conv->bias);
    }
  }
}

torch::Tensor SqueezeNet::forward(const torch::Tensor& planes) {
  auto logits = classifier_->forward(features_->forward(planes));
  if (final_relu_) logits = torch::relu(logits);
  return logits.mean({2, 3});
}

int SqueezeNet::Lower(GraphBuilder* graph, int planes) const {
  int x = planes;
  for (std::size_t i = 0; i < features_->size(); ++i) {
    const std::string name = "classifier.features." + std::to_string(i);
    const auto& module = *features_->ptr(i);
    if (const auto* fire = module.as<FireImpl>()) {
      x = fire->Lower(graph, name, x);
    } else if (module.as<nn::MaxPool2dImpl>()) {
      x = graph->Append(name, MaxPool{3, 2, 0, true}, x);
    } else if (const auto conv = std::dynamic_pointer_cast<nn::Conv2dImpl>(features_->ptr(i))) {
      // Its ReLU, which comes behind the pooling here, may as well come in front of it.
      x = graph->Append(name, FoldConvolution(nn::Conv2d(conv), Activation::kRelu), x);
    }
  }
  x = graph->Append("classifier.classifier.1",
                    FoldConvolution(nn::Conv2d(classifier_->ptr<nn::Conv2dImpl>(1)),
                                    final_relu_ ? Activation::kRelu : Activation::kNone),
                    x);
  return graph->Append("classifier.mean", AdaptivePool{}, x, 1, 1);
}

int64_t CountDeadSamples(const torch::Tensor& logits) {
  return (logits == 0).all(1).sum().item<int64_t>();
}

}  // namespace hepar
