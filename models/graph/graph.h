// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace hepar {

// The inference graph of a model: what it computes for one picture, as plain data without LibTorch.
// Batch normalization is folded into the convolutions, every size is known, and the set of
// operators is small and closed. Executors and exporters visit the nodes in order.
// SeverityNetImpl::Lower() makes it from a network.

// A feature map of one picture: channels x height x width. A vector is channels x 1 x 1.
struct Shape {
  int channels = 0, height = 0, width = 0;

  std::size_t pixels() const { return static_cast<std::size_t>(height) * width; }
  std::size_t count() const { return channels * pixels(); }
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
};

enum class Activation { kNone, kRelu, kSigmoid };

// Where a convolution adds its second input. It has the shape of the output.
enum class Residual { kNone, kBeforeActivation, kAfterActivation };

// Cross-correlation with zero padding, then bias, activation and residual:
//   kBeforeActivation: act(w * x + b + r), kAfterActivation: act(w * x + b) + r.
// Inputs: x, and r where `residual` asks for it. A linear layer is a 1 x 1 convolution of a vector.
struct Convolution {
  int kernel_height = 1, kernel_width = 1;
  int stride = 1, padding = 0, dilation = 1;  // The same in both directions.
  int groups = 1;
  std::vector<float> weight;  // out x in/groups x kernel_height x kernel_width.
  std::vector<float> bias;    // out; zeros where the network has no bias.
  Activation activation = Activation::kNone;
  Residual residual = Residual::kNone;
};

// Maximum of each window; padding is ignored. `ceil_mode`: the output's size is rounded up. Input:
// x.
struct MaxPool {
  int kernel = 2, stride = 2, padding = 0;
  bool ceil_mode = false;
};

// Mean or maximum over windows that divide the input into the output's rows and columns: row i of n
// covers the input rows floor(i H / n) to ceil((i + 1) H / n). An output of 1 x 1 covers all
// pixels. Input: x.
struct AdaptivePool {
  enum class Kind { kMean, kMax } kind = Kind::kMean;
};

// Mean or maximum over the channels of each pixel; the output has one channel. Input: x.
struct ChannelReduce {
  enum class Kind { kMean, kMax } kind = Kind::kMean;
};

// Bilinear interpolation to the output's size with pixel centers at half numbers
// (align_corners = false), then the activation. Input: x.
struct Upsample {
  Activation activation = Activation::kNone;
};

// The channels of all inputs, one input after the other.
struct Concat {};

// act(x + y), of equal shapes. Inputs: x, y.
struct Add {
  Activation activation = Activation::kNone;
};

// x * y. y has x's shape, or one value for each channel (C x 1 x 1), or one for each pixel
// (1 x H x W). Inputs: x, y.
struct Multiply {};

// act(x * scale + shift) of each channel. Input: x.
struct ScaleShift {
  std::vector<float> scale, shift;  // One for each channel.
  Activation activation = Activation::kNone;
};

// Multi-head self-attention over the pixels ("tokens") of x, with a residual connection:
//   t = LayerNorm(x) over the channels of each pixel, with norm_weight, norm_bias, epsilon
//   q, k, v = qkv_weight t + qkv_bias, three blocks of C rows, each of `heads` heads of C/heads
//   x + proj_weight softmax(q k^T / sqrt(C / heads)) v + proj_bias.
// Input: x.
struct PixelAttention {
  int heads = 1;
  float epsilon = 1e-5f;
  std::vector<float> norm_weight, norm_bias;  // C.
  std::vector<float> qkv_weight, qkv_bias;    // 3C x C, 3C.
  std::vector<float> proj_weight, proj_bias;  // C x C, C.
};

// CIE L* / 100 of an sRGB picture in [0,1], 3 x H x W to 1 x H x W, as in SelectPlanes(). Input: x.
struct Lightness {};

using Operator = std::variant<Convolution, MaxPool, AdaptivePool, ChannelReduce, Upsample, Concat,
                              Add, Multiply, ScaleShift, PixelAttention, Lightness>;

struct Node {
  std::string name;  // Unique: the path of the module in the network.
  Operator op;
  std::vector<int> inputs;  // Ids of values: the picture, or outputs of earlier nodes.
  int output = 0;           // Id of the value that it produces; each value has one producer.
};

struct Graph {
  static constexpr int kNoValue = -1;

  std::vector<Shape> values;  // By id. Value 0 is the input picture: R'G'B' or one gray plane.
  std::vector<Node> nodes;    // In an order that computes every value before it is used.
  // The first nodes decouple, the others classify. Of the former's values the latter use only
  // planes, specific and common.
  std::size_t decoupling_nodes = 0;

  // Ids of the results; kNoValue for those of a decoupler that the model does not have.
  int planes = 0;                   // Y_c: value 0 itself where nothing has to be selected.
  int specific = kNoValue;          // Feat1.
  int auxiliary_logits = kNoValue;  // pred of IC1.
  int common = kNoValue;            // Feat2.
  int reconstruction = kNoValue;    // x^ of IC2.
  int logits = kNoValue;  // Scores of the classes; kNoValue where the classifier has no lowering.

  // The classifier's inputs in order: Feat1 and Feat2, where present, and Y_c.
  std::vector<int> ClassifierParts() const;
  bool has_classifier() const { return logits != kNoValue; }
};

// The operator's name in tables: "convolution", "max_pool", ...
const char* NameOf(const Operator& op);

// Multiply-accumulate operations of a convolution or attention node; 0 for other operators.
double MacsOf(const Graph& graph, const Node& node);

}  // namespace hepar
