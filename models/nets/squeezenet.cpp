// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/squeezenet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>

#include "models/graph/graph_builder.h"
#include "models/nets/folding.h"

namespace hepar {

namespace nn = torch::nn;

SqueezeNet::SqueezeNet(SqueezeNetVersion version, int in_planes, int classes, bool final_relu)
    : final_relu_(final_relu), features_(MakeSqueezeNetFeatures(version, in_planes)) {
  auto last = nn::Conv2d(nn::Conv2dOptions(512, classes, 1));
  classifier_ = nn::Sequential(nn::Dropout(0.5), last);
  register_module("features", features_);
  register_module("classifier", classifier_);

  InitSqueezeNetConvolutions(*features_);
  nn::init::normal_(last->weight, 0.0, 0.01);
  nn::init::zeros_(last->bias);
}

torch::Tensor SqueezeNet::forward(const torch::Tensor& planes) {
  auto logits = classifier_->forward(features_->forward(planes));
  if (final_relu_) logits = torch::relu(logits);
  return logits.mean({2, 3});
}

int SqueezeNet::Lower(GraphBuilder* graph, int planes) const {
  int x = planes;
  for (std::size_t i = 0; i < features_->size(); ++i) {
    x = LowerSqueezeNetLayer(graph, features_, i, x);
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
