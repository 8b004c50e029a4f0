// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/onnx_model.h"

#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstdint>
#include <variant>
#include <vector>

#include "models/error.h"

namespace hepar {
namespace {

// The first with all operators as they are used here; runtimes of 2021 and later read it.
constexpr int kOperatorSet = 13;
constexpr int kIrVersion = 7;
constexpr std::size_t kMaxBytes = std::size_t{2} << 30;

using Dims = std::vector<std::int64_t>;

// Writes nodes into a GraphProto; each call returns the name of the value that it makes.
class Writer {
 public:
  explicit Writer(onnx::GraphProto* graph) : graph_(graph) {}

  // Names of values, and of the nodes that make them, begin with this.
  void Begin(const std::string& name) {
    name_ = name;
    parts_ = 0;
  }

  std::string Constant(const std::vector<float>& values, const Dims& dims) {
    onnx::TensorProto* tensor = AddTensor(dims, onnx::TensorProto_DataType_FLOAT);
    tensor->set_raw_data(values.data(), values.size() * sizeof(float));
    return tensor->name();
  }
  std::string Scalar(float value) { return Constant({value}, {}); }
  std::string Integers(const Dims& values) {
    onnx::TensorProto* tensor =
        AddTensor({static_cast<std::int64_t>(values.size())}, onnx::TensorProto_DataType_INT64);
    tensor->set_raw_data(values.data(), values.size() * sizeof(std::int64_t));
    return tensor->name();
  }

  // Starts a node; attributes are added to the one started last.
  std::string Node(const char* type, const std::vector<std::string>& inputs) {
    onnx::NodeProto* node = Start(type, inputs);
    node->add_output(node->name());
    return node->name();
  }
  std::vector<std::string> NodeOfMany(const char* type, const std::vector<std::string>& inputs,
                                      int outputs) {
    onnx::NodeProto* node = Start(type, inputs);
    std::vector<std::string> names;
    for (int i = 0; i < outputs; ++i) {
      names.push_back(node->name() + ":" + std::to_string(i));
      node->add_output(names.back());
    }
    return names;
  }
  Writer& With(const char* attribute, std::int64_t value) {
    onnx::AttributeProto* added = Attribute(attribute, onnx::AttributeProto_AttributeType_INT);
    added->set_i(value);
    return *this;
  }
  Writer& With(const char* attribute, const Dims& values) {
    onnx::AttributeProto* added = Attribute(attribute, onnx::AttributeProto_AttributeType_INTS);
    for (std::int64_t value : values) added->add_ints(value);
    return *this;
  }
  Writer& With(const char* attribute, const char* value) {
    onnx::AttributeProto* added = Attribute(attribute, onnx::AttributeProto_AttributeType_STRING);
    added->set_s(value);
    return *this;
  }

  // Gives the value `name` out of the graph as `result`.
  void Rename(const std::string& name, const std::string& result) {
    onnx::NodeProto* node = graph_->add_node();
    node->set_op_type("Identity");
    node->set_name(result);
    node->add_input(name);
    node->add_output(result);
  }

 private:
  // Unique: node names of the graph are, and the parts of one node are counted.
  std::string NextName() {
    const std::string name = parts_ == 0 ? name_ : name_ + "/" + std::to_string(parts_);
    ++parts_;
    return name;
  }
  onnx::NodeProto* Start(const char* type, const std::vector<std::string>& inputs) {
    node_ = graph_->add_node();
    node_->set_op_type(type);
    node_->set_name(NextName());
    for (const std::string& input : inputs) node_->add_input(input);
    return node_;
  }
  onnx::TensorProto* AddTensor(const Dims& dims, onnx::TensorProto_DataType type) {
    onnx::TensorProto* tensor = graph_->add_initializer();
    tensor->set_name(name_ + "#" + std::to_string(constants_++));
    tensor->set_data_type(type);
    for (std::int64_t dim : dims) tensor->add_dims(dim);
    return tensor;
  }
  onnx::AttributeProto* Attribute(const char* name, onnx::AttributeProto_AttributeType type) {
    onnx::AttributeProto* attribute = node_->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }

  onnx::GraphProto* graph_;
  onnx::NodeProto* node_ = nullptr;
  std::string name_;
  int parts_ = 0, constants_ = 0;
};

// A node on its way into the file.
struct Context {
  Writer& out;
  const std::vector<std::string>& inputs;
  Shape in, factor, result;  // `factor`: of the second input, where there is one.
};

std::string Activate(Writer& out, Activation activation, const std::string& x) {
  switch (activation) {
    case Activation::kRelu:
      return out.Node("Relu", {x});
    case Activation::kSigmoid:
      return out.Node("Sigmoid", {x});
    case Activation::kNone:
      break;
  }
  return x;
}

std::string Permute(Writer& out, const std::string& x, const Dims& order) {
  const std::string y = out.Node("Transpose", {x});
  out.With("perm", order);
  return y;
}

std::string Pointwise(Writer& out, const std::string& x, const std::vector<float>& weight,
                      const std::vector<float>& bias, std::int64_t inputs) {
  const auto outputs = static_cast<std::int64_t>(bias.size());
  const std::string y = out.Node(
      "Conv", {x, out.Constant(weight, {outputs, inputs, 1, 1}), out.Constant(bias, {outputs})});
  out.With("kernel_shape", Dims{1, 1});
  return y;
}

std::string Write(const Context& c, const Convolution& op) {
  const auto weight = c.out.Constant(
      op.weight, {c.result.channels, c.in.channels / op.groups, op.kernel_height, op.kernel_width});
  const auto bias = c.out.Constant(op.bias, {c.result.channels});
  std::string y = c.out.Node("Conv", {c.inputs[0], weight, bias});
  c.out.With("kernel_shape", Dims{op.kernel_height, op.kernel_width})
      .With("strides", Dims{op.stride, op.stride})
      .With("pads", Dims{op.padding, op.padding, op.padding, op.padding})
      .With("dilations", Dims{op.dilation, op.dilation})
      .With("group", op.groups);
  if (op.residual == Residual::kBeforeActivation) y = c.out.Node("Add", {y, c.inputs[1]});
  y = Activate(c.out, op.activation, y);
  if (op.residual == Residual::kAfterActivation) y = c.out.Node("Add", {y, c.inputs[1]});
  return y;
}

std::string Write(const Context& c, const MaxPool& op) {
  const std::string y = c.out.Node("MaxPool", {c.inputs[0]});
  c.out.With("kernel_shape", Dims{op.kernel, op.kernel})
      .With("strides", Dims{op.stride, op.stride})
      .With("pads", Dims{op.padding, op.padding, op.padding, op.padding})
      .With("ceil_mode", op.ceil_mode ? 1 : 0);
  return y;
}

// The matrix (in x out) whose columns average the windows of one axis.
std::vector<float> WindowMeans(int in, int out) {
  std::vector<float> matrix(static_cast<std::size_t>(in) * out, 0.0f);
  for (int i = 0; i < out; ++i) {
    const int begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
    for (int j = begin; j < end; ++j) {
      matrix[static_cast<std::size_t>(j) * out + i] = 1.0f / static_cast<float>(end - begin);
    }
  }
  return matrix;
}

std::string Write(const Context& c, const AdaptivePool& op) {
  const bool mean = op.kind == AdaptivePool::Kind::kMean;
  if (c.result.height == 1 && c.result.width == 1) {
    return c.out.Node(mean ? "GlobalAveragePool" : "GlobalMaxPool", {c.inputs[0]});
  }
  if (c.in.height % c.result.height == 0 && c.in.width % c.result.width == 0) {
    const Dims window = {c.in.height / c.result.height, c.in.width / c.result.width};
    const std::string y = c.out.Node(mean ? "AveragePool" : "MaxPool", {c.inputs[0]});
    c.out.With("kernel_shape", window).With("strides", window);
    return y;
  }
  if (!mean) {
    throw Error(ErrorKind::kUnsupported,
                "ONNX has no maximum over windows of unequal size; choose another input size");
  }
  // Means over unequal windows, one axis after the other. The matrix is on the right both times:
  // not every reader takes a constant on the left.
  const auto along = [&](const std::string& x, int from, int to) {
    return c.out.Node("MatMul", {x, c.out.Constant(WindowMeans(from, to), {from, to})});
  };
  const std::string columns = along(c.inputs[0], c.in.width, c.result.width);
  const std::string turned =
      along(Permute(c.out, columns, {0, 1, 3, 2}), c.in.height, c.result.height);
  return Permute(c.out, turned, {0, 1, 3, 2});
}

std::string Write(const Context& c, const ChannelReduce& op) {
  const std::string y =
      c.out.Node(op.kind == ChannelReduce::Kind::kMean ? "ReduceMean" : "ReduceMax", {c.inputs[0]});
  c.out.With("axes", Dims{1}).With("keepdims", 1);
  return y;
}

std::string Write(const Context& c, const Upsample& op) {
  const auto scales = c.out.Constant({1.0f, 1.0f, static_cast<float>(c.result.height) / c.in.height,
                                      static_cast<float>(c.result.width) / c.in.width},
                                     {4});
  const std::string y = c.out.Node("Resize", {c.inputs[0], "", scales});
  c.out.With("mode", "linear").With("coordinate_transformation_mode", "half_pixel");
  return Activate(c.out, op.activation, y);
}

std::string Write(const Context& c, const Concat&) {
  const std::string y = c.out.Node("Concat", c.inputs);
  c.out.With("axis", 1);
  return y;
}

std::string Write(const Context& c, const Add& op) {
  return Activate(c.out, op.activation, c.out.Node("Add", c.inputs));
}

std::string Write(const Context& c, const Multiply&) {
  std::string factor = c.inputs[1];
  const bool by_pixel = c.factor.channels == 1 && c.in.channels > 1 && c.factor.pixels() > 1;
  if (by_pixel) {
    // One plane for each channel: not every reader can multiply many planes by one.
    factor = Pointwise(c.out, factor, std::vector<float>(c.in.channels, 1.0f),
                       std::vector<float>(c.in.channels, 0.0f), 1);
  }
  return c.out.Node("Mul", {c.inputs[0], factor});
}

std::string Write(const Context& c, const ScaleShift& op) {
  const Dims each = {1, c.in.channels, 1, 1};
  const std::string scaled = c.out.Node("Mul", {c.inputs[0], c.out.Constant(op.scale, each)});
  const std::string y = c.out.Node("Add", {scaled, c.out.Constant(op.shift, each)});
  return Activate(c.out, op.activation, y);
}

// The C x C matrix with `diagonal` and, everywhere, `all` added.
std::vector<float> Matrix(std::int64_t size, float diagonal, float all) {
  std::vector<float> matrix(static_cast<std::size_t>(size) * size, all);
  for (std::int64_t i = 0; i < size; ++i) matrix[i * size + i] += diagonal;
  return matrix;
}

// Tokens stay pixels, so that the linear layers are 1 x 1 convolutions; the norm's scale and shift
// and the scale of the scores are part of the first one's weights.
std::string Write(const Context& c, const PixelAttention& op) {
  Writer& out = c.out;
  const std::string& x = c.inputs[0];
  const std::int64_t channels = c.in.channels, head = channels / op.heads;
  const auto tokens = static_cast<std::int64_t>(c.in.pixels());

  // The mean over the channels is taken by a convolution that gives it for each channel: not every
  // reader can subtract one plane from many.
  const std::vector<float> no_bias(channels, 0.0f);
  const float part = 1.0f / static_cast<float>(channels);
  const std::string centered = Pointwise(out, x, Matrix(channels, 1.0f, -part), no_bias, channels);
  const std::string variance =
      Pointwise(out, out.Node("Mul", {centered, centered}), Matrix(channels, 0.0f, part),
                std::vector<float>(channels, op.epsilon), channels);
  const std::string normalized = out.Node("Div", {centered, out.Node("Sqrt", {variance})});

  std::vector<float> weight = op.qkv_weight, bias = op.qkv_bias;
  for (std::int64_t row = 0; row < 3 * channels; ++row) {
    const double scale = row < channels ? 1.0 / std::sqrt(static_cast<double>(head)) : 1.0;
    double shift = bias[row];
    for (std::int64_t k = 0; k < channels; ++k) {
      float& w = weight[row * channels + k];
      shift += static_cast<double>(w) * op.norm_bias[k];
      w = static_cast<float>(scale * w * op.norm_weight[k]);
    }
    bias[row] = static_cast<float>(scale * shift);
  }
  const std::string qkv = Pointwise(out, normalized, weight, bias, channels);
  const auto parts =
      out.NodeOfMany("Split", {qkv, out.Integers({channels, channels, channels})}, 3);
  out.With("axis", 1);
  // In Reshape, 0 keeps the batch as it is.
  const auto by_head = [&](const std::string& part) {
    return out.Node("Reshape", {part, out.Integers({0, op.heads, head, tokens})});
  };
  const std::string q = Permute(out, by_head(parts[0]), {0, 1, 3, 2});
  const std::string weights = out.Node("Softmax", {out.Node("MatMul", {q, by_head(parts[1])})});
  out.With("axis", 3);
  const std::string mixed =
      out.Node("MatMul", {by_head(parts[2]), Permute(out, weights, {0, 1, 3, 2})});
  const std::string map =
      out.Node("Reshape", {mixed, out.Integers({0, channels, c.in.height, c.in.width})});
  return out.Node("Add", {x, Pointwise(out, map, op.proj_weight, op.proj_bias, channels)});
}

std::string Write(const Context&, const Lightness&) {
  throw Error(ErrorKind::kUnsupported,
              "the planes lab_l cannot be written as ONNX; export the model as TorchScript");
}

void AddDescription(onnx::ValueInfoProto* info, const std::string& name, const Dims& sides) {
  info->set_name(name);
  auto* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto_DataType_FLOAT);
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  for (std::int64_t side : sides) type->mutable_shape()->add_dim()->set_dim_value(side);
}

Dims SidesOf(const Shape& shape) { return {shape.channels, shape.height, shape.width}; }

void AddProperties(const ModelSpec& spec, onnx::ModelProto* model) {
  std::string classes;
  for (const auto& name : spec.class_names) classes += (classes.empty() ? "" : ",") + name;
  const std::pair<const char*, std::string> properties[] = {
      {"model_id", spec.id},
      {"name", spec.name},
      {"classes", classes},
      {"temperature", std::to_string(spec.temperature)},
      {"planes", ToString(spec.architecture.planes)},
      {"sector", spec.preprocess.sector.ToString()},
      {"licence", spec.licence},
      {"citation", spec.citation},
      {"use", "for research use only: no medical device, not for diagnosis"}};
  for (const auto& [key, value] : properties) {
    if (value.empty()) continue;
    auto* property = model->add_metadata_props();
    property->set_key(key);
    property->set_value(value);
  }
}

}  // namespace

std::string ToOnnx(const Graph& graph, const ModelSpec& spec) {
  if (!graph.has_classifier()) {
    throw Error(ErrorKind::kUnsupported,
                "the classifier " + spec.architecture.classifier +
                    " cannot be written as ONNX: it has no lowering to the inference graph "
                    "(ClassifierModule::Lower); a TorchScript classifier can be exported as "
                    "TorchScript");
  }
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("gst-hepar");
  model.add_opset_import()->set_version(kOperatorSet);
  AddProperties(spec, &model);
  onnx::GraphProto* out = model.mutable_graph();
  out->set_name(spec.name.empty() ? "hepar" : spec.name);
  AddDescription(out->add_input(), "picture", SidesOf(graph.values[0]));

  Writer writer(out);
  std::vector<std::string> names(graph.values.size());
  names[0] = "picture";
  for (const Node& node : graph.nodes) {
    std::vector<std::string> inputs;
    for (int id : node.inputs) inputs.push_back(names[id]);
    writer.Begin(node.name);
    const Context context{writer, inputs, graph.values[node.inputs.front()],
                          graph.values[node.inputs.back()], graph.values[node.output]};
    names[node.output] =
        std::visit([&context](const auto& op) { return Write(context, op); }, node.op);
  }

  const auto add_result = [&](int id, const std::string& name, bool vector) {
    if (id == Graph::kNoValue) return;
    const Shape& shape = graph.values[id];
    writer.Begin(name + ".flat");
    std::string value = names[id];
    if (vector) value = writer.Node("Flatten", {value});
    writer.Rename(value, name);
    AddDescription(out->add_output(), name, vector ? Dims{shape.channels} : SidesOf(shape));
  };
  add_result(graph.logits, "logits", true);
  add_result(graph.specific, "specific", false);
  add_result(graph.common, "common", false);
  add_result(graph.reconstruction, "reconstruction", false);
  add_result(graph.auxiliary_logits, "auxiliary_logits", true);

  if (model.ByteSizeLong() >= kMaxBytes) {
    throw Error(ErrorKind::kFailed, "the ONNX file would be larger than the 2 GiB that one may be");
  }
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kFailed, std::string("not a valid ONNX model: ") + error.what());
  }
  return model.SerializeAsString();
}

}  // namespace hepar
