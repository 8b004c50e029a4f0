// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/resnet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <array>
#include <string>
#include <utility>

#include "models/graph/graph_builder.h"
#include "models/nets/attention_blocks.h"
#include "models/nets/folding.h"

namespace hepar {

namespace nn = torch::nn;

namespace {

nn::Conv2d Conv(int in, int out, int kernel, int stride = 1) {
  return nn::Conv2d(
      nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

// The common part of both kinds of blocks: attention and the shortcut.
struct ResidualBlock : nn::Module {
  // Registered last, after the convolutions, so that parameters keep torchvision's order.
  void RegisterEnds(ResNetAttention kind, int in, int out, int stride) {
    if (kind == ResNetAttention::kSqueezeExcite) {
      attention = register_module("se", std::make_shared<SqueezeExcite>(out));
    } else if (kind == ResNetAttention::kCbam) {
      attention = register_module("cbam", std::make_shared<Cbam>(out));
    }
    if (stride != 1 || in != out) {
      downsample =
          register_module("downsample", nn::Sequential(Conv(in, out, 1, stride), BatchNorm2d(out)));
    }
  }

  torch::Tensor Join(const torch::Tensor& residual, const torch::Tensor& x) {
    const auto shortcut = downsample ? downsample->forward(x) : x;
    return torch::relu((attention ? attention->forward(residual) : residual) + shortcut);
  }

  // Appends forward() to a graph, under names that begin with `name`.
  virtual int Lower(GraphBuilder* graph, const std::string& name, int x) const = 0;

  // The last convolution of the residual branch, and Join().
  int LowerJoin(GraphBuilder* graph, const std::string& name, const char* last,
                const nn::Conv2d& conv, const BatchNorm2d& norm, int branch, int x) const {
    int shortcut = x;
    if (downsample) {
      shortcut = graph->Append(
          name + ".downsample",
          FoldConvolution(nn::Conv2d(downsample->ptr<nn::Conv2dImpl>(0)),
                          BatchNorm2d(downsample->ptr<BatchNorm2dImpl>(1)), Activation::kNone),
          x);
    }
    if (!attention) {
      Convolution joined = FoldConvolution(conv, norm, Activation::kRelu);
      joined.residual = Residual::kBeforeActivation;
      return graph->Append(name + last, std::move(joined), branch, shortcut);
    }
    const int residual =
        graph->Append(name + last, FoldConvolution(conv, norm, Activation::kNone), branch);
    return graph->Append(name, Add{Activation::kRelu},
                         attention->Lower(graph, name + ".attention", residual), shortcut);
  }

  std::shared_ptr<FeatureAttention> attention;
  nn::Sequential downsample{nullptr};
};

struct BasicBlockImpl : ResidualBlock {
  static constexpr int kExpansion = 1;

  BasicBlockImpl(int in, int width, int stride, ResNetAttention kind)
      : conv1(register_module("conv1", Conv(in, width, 3, stride))),
        bn1(register_module("bn1", BatchNorm2d(width))),
        conv2(register_module("conv2", Conv(width, width, 3))),
        bn2(register_module("bn2", BatchNorm2d(width))) {
    RegisterEnds(kind, in, width, stride);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    return Join(bn2(conv2(torch::relu(bn1(conv1(x))))), x);
  }

  int Lower(GraphBuilder* graph, const std::string& name, int x) const override {
    const int branch =
        graph->Append(name + ".conv1", FoldConvolution(conv1, bn1, Activation::kRelu), x);
    return LowerJoin(graph, name, ".conv2", conv2, bn2, branch, x);
  }

  nn::Conv2d conv1{nullptr};
  BatchNorm2d bn1{nullptr};
  nn::Conv2d conv2{nullptr};
  BatchNorm2d bn2{nullptr};
};
TORCH_MODULE(BasicBlock);

struct BottleneckImpl : ResidualBlock {
  static constexpr int kExpansion = 4;

  BottleneckImpl(int in, int width, int stride, ResNetAttention kind)
      : conv1(register_module("conv1", Conv(in, width, 1))),
        bn1(register_module("bn1", BatchNorm2d(width))),
        conv2(register_module("conv2", Conv(width, width, 3, stride))),
        bn2(register_module("bn2", BatchNorm2d(width))),
        conv3(register_module("conv3", Conv(width, kExpansion * width, 1))),
        bn3(register_module("bn3", BatchNorm2d(kExpansion * width))) {
    RegisterEnds(kind, in, kExpansion * width, stride);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const auto reduced = torch::relu(bn1(conv1(x)));
    return Join(bn3(conv3(torch::relu(bn2(conv2(reduced))))), x);
  }

  int Lower(GraphBuilder* graph, const std::string& name, int x) const override {
    const int reduced =
        graph->Append(name + ".conv1", FoldConvolution(conv1, bn1, Activation::kRelu), x);
    const int branch =
        graph->Append(name + ".conv2", FoldConvolution(conv2, bn2, Activation::kRelu), reduced);
    return LowerJoin(graph, name, ".conv3", conv3, bn3, branch, x);
  }

  nn::Conv2d conv1{nullptr};
  BatchNorm2d bn1{nullptr};
  nn::Conv2d conv2{nullptr};
  BatchNorm2d bn2{nullptr};
  nn::Conv2d conv3{nullptr};
  BatchNorm2d bn3{nullptr};
};
TORCH_MODULE(Bottleneck);

// A layer of `blocks` blocks. The first has `*in` input channels and the stride; `*in` becomes the
// number of output channels.
template <typename Block>
nn::Sequential Layer(int* in, int width, int blocks, int stride, ResNetAttention kind) {
  nn::Sequential layer;
  for (int i = 0; i < blocks; ++i) {
    layer->push_back(Block(*in, width, i == 0 ? stride : 1, kind));
    *in = Block::Impl::kExpansion * width;
  }
  return layer;
}

nn::Sequential Layer(ResNetDepth depth, int* in, int width, int blocks, int stride,
                     ResNetAttention kind) {
  return depth == ResNetDepth::k18 ? Layer<BasicBlock>(in, width, blocks, stride, kind)
                                   : Layer<Bottleneck>(in, width, blocks, stride, kind);
}

}  // namespace

ResNet::ResNet(ResNetDepth depth, ResNetAttention attention, int in_planes, int classes)
    : conv1_(register_module(
          "conv1",
          nn::Conv2d(nn::Conv2dOptions(in_planes, 64, 7).stride(2).padding(3).bias(false)))),
      bn1_(register_module("bn1", BatchNorm2d(64))) {
  const std::array<int, 4> blocks =
      depth == ResNetDepth::k18 ? std::array<int, 4>{2, 2, 2, 2} : std::array<int, 4>{3, 4, 6, 3};
  int channels = 64;
  layer1_ = register_module("layer1", Layer(depth, &channels, 64, blocks[0], 1, attention));
  layer2_ = register_module("layer2", Layer(depth, &channels, 128, blocks[1], 2, attention));
  layer3_ = register_module("layer3", Layer(depth, &channels, 256, blocks[2], 2, attention));
  layer4_ = register_module("layer4", Layer(depth, &channels, 512, blocks[3], 2, attention));
  fc_ = register_module("fc", nn::Linear(channels, classes));

  // As the reference implementation: He-normal by fan-out; normalizations start as the identity.
  for (auto& module : modules(/*include_self=*/false)) {
    if (auto* conv = module->as<nn::Conv2dImpl>()) {
      nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
    }
  }
}

torch::Tensor ResNet::forward(const torch::Tensor& planes) {
  auto x = torch::relu(bn1_(conv1_(planes)));
  x = torch::max_pool2d(x, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
  x = layer4_->forward(layer3_->forward(layer2_->forward(layer1_->forward(x))));
  return fc_(x.mean({2, 3}));
}

int ResNet::Lower(GraphBuilder* graph, int planes) const {
  const std::string root = "classifier.";
  int x = graph->Append(root + "conv1", FoldConvolution(conv1_, bn1_, Activation::kRelu), planes);
  x = graph->Append(root + "maxpool", MaxPool{3, 2, 1, false}, x);
  int number = 0;
  for (const auto& layer : {layer1_, layer2_, layer3_, layer4_}) {
    const std::string name = root + "layer" + std::to_string(++number) + ".";
    for (std::size_t i = 0; i < layer->size(); ++i) {
      const auto block = std::dynamic_pointer_cast<ResidualBlock>(layer->ptr(i));
      x = block->Lower(graph, name + std::to_string(i), x);
    }
  }
  const int means = graph->Append(root + "mean", AdaptivePool{}, x, 1, 1);
  return graph->Append(root + "fc", FoldLinear(fc_, Activation::kNone), means);
}

}  // namespace hepar
