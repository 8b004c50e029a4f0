// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/torchscript_model.h"

#include <cmath>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "models/error.h"
#include "models/nets/torchscript_classifier.h"

namespace hepar {
namespace {

// Writes the body of forward(), one line for each operation, and keeps the constants it needs.
class Writer {
 public:
  explicit Writer(torch::jit::Module* module) : module_(module) {}

  // Numbers with all their digits, as Python writes them.
  template <typename T>
  static std::string Text(T value) {
    std::ostringstream text;
    text.precision(17);
    text << value;
    const std::string plain = text.str();
    const bool whole = plain.find_first_of(".en") == std::string::npos;
    return std::is_floating_point<T>::value && whole ? plain + ".0" : plain;
  }
  static std::string Pair(int a, int b) { return "[" + Text(a) + ", " + Text(b) + "]"; }

  std::string Constant(const std::vector<float>& values, const std::vector<std::int64_t>& shape) {
    const std::string name = "constant" + std::to_string(constants_++);
    module_->register_buffer(name, torch::tensor(values).view(shape));
    return "self." + name;
  }
  // A new variable of the given value.
  std::string Line(const std::string& expression) {
    const std::string name = "v" + std::to_string(lines_++);
    body_ += "  " + name + " = " + expression + "\n";
    return name;
  }
  const std::string& body() const { return body_; }

 private:
  torch::jit::Module* module_;
  std::string body_;
  int constants_ = 0, lines_ = 0;
};

struct Context {
  Writer& out;
  const std::vector<std::string>& inputs;
  Shape in, result;
};

std::string Activate(Writer& out, Activation activation, const std::string& x) {
  switch (activation) {
    case Activation::kRelu:
      return out.Line("torch.relu(" + x + ")");
    case Activation::kSigmoid:
      return out.Line("torch.sigmoid(" + x + ")");
    case Activation::kNone:
      break;
  }
  return x;
}

std::string Write(const Context& c, const Convolution& op) {
  const auto weight = c.out.Constant(
      op.weight, {c.result.channels, c.in.channels / op.groups, op.kernel_height, op.kernel_width});
  const auto bias = c.out.Constant(op.bias, {c.result.channels});
  const auto twice = [](int value) { return Writer::Pair(value, value); };
  std::string y = c.out.Line("torch.conv2d(" + c.inputs[0] + ", " + weight + ", " + bias + ", " +
                             twice(op.stride) + ", " + twice(op.padding) + ", " +
                             twice(op.dilation) + ", " + Writer::Text(op.groups) + ")");
  if (op.residual == Residual::kBeforeActivation) y = c.out.Line(y + " + " + c.inputs[1]);
  y = Activate(c.out, op.activation, y);
  if (op.residual == Residual::kAfterActivation) y = c.out.Line(y + " + " + c.inputs[1]);
  return y;
}

std::string Write(const Context& c, const MaxPool& op) {
  const auto twice = [](int value) { return Writer::Pair(value, value); };
  return c.out.Line("torch.max_pool2d(" + c.inputs[0] + ", " + twice(op.kernel) + ", " +
                    twice(op.stride) + ", " + twice(op.padding) + ", [1, 1], " +
                    (op.ceil_mode ? "True" : "False") + ")");
}

std::string Write(const Context& c, const AdaptivePool& op) {
  const std::string size = Writer::Pair(c.result.height, c.result.width);
  return op.kind == AdaptivePool::Kind::kMean
             ? c.out.Line("torch.adaptive_avg_pool2d(" + c.inputs[0] + ", " + size + ")")
             : c.out.Line("torch.adaptive_max_pool2d(" + c.inputs[0] + ", " + size + ")[0]");
}

std::string Write(const Context& c, const ChannelReduce& op) {
  return c.out.Line(
      std::string(op.kind == ChannelReduce::Kind::kMean ? "torch.mean(" : "torch.amax(") +
      c.inputs[0] + ", [1], True)");
}

std::string Write(const Context& c, const Upsample& op) {
  return Activate(c.out, op.activation,
                  c.out.Line("torch.upsample_bilinear2d(" + c.inputs[0] + ", " +
                             Writer::Pair(c.result.height, c.result.width) + ", False)"));
}

std::string Write(const Context& c, const Concat&) {
  std::string list;
  for (const auto& input : c.inputs) list += (list.empty() ? "" : ", ") + input;
  return c.out.Line("torch.cat([" + list + "], 1)");
}

std::string Write(const Context& c, const Add& op) {
  return Activate(c.out, op.activation, c.out.Line(c.inputs[0] + " + " + c.inputs[1]));
}

std::string Write(const Context& c, const Multiply&) {
  return c.out.Line(c.inputs[0] + " * " + c.inputs[1]);
}

std::string Write(const Context& c, const ScaleShift& op) {
  const std::vector<std::int64_t> each = {1, c.in.channels, 1, 1};
  return Activate(c.out, op.activation,
                  c.out.Line(c.inputs[0] + " * " + c.out.Constant(op.scale, each) + " + " +
                             c.out.Constant(op.shift, each)));
}

std::string Write(const Context& c, const PixelAttention& op) {
  Writer& out = c.out;
  const std::int64_t channels = c.in.channels, head = channels / op.heads;
  const auto tokens = static_cast<std::int64_t>(c.in.pixels());
  const auto linear = [&out](const std::string& x, const std::vector<float>& weight,
                             const std::vector<float>& bias, std::int64_t columns) {
    const auto rows = static_cast<std::int64_t>(bias.size());
    return out.Line("torch.linear(" + x + ", " + out.Constant(weight, {rows, columns}) + ", " +
                    out.Constant(bias, {rows}) + ")");
  };
  const std::string x = out.Line(c.inputs[0] + ".flatten(2).transpose(1, 2)");
  const std::string normalized =
      out.Line("torch.layer_norm(" + x + ", [" + Writer::Text(channels) + "], " +
               out.Constant(op.norm_weight, {channels}) + ", " +
               out.Constant(op.norm_bias, {channels}) + ", " + Writer::Text(op.epsilon) + ")");
  const std::string qkv = linear(normalized, op.qkv_weight, op.qkv_bias, channels);
  const std::string parts =
      out.Line(qkv + ".view([-1, " + Writer::Text(tokens) + ", 3, " + Writer::Text(op.heads) +
               ", " + Writer::Text(head) + "]).permute([2, 0, 3, 1, 4])");
  const std::string weights = out.Line(
      "torch.softmax(torch.matmul(" + parts + "[0], " + parts + "[1].transpose(-2, -1)) * " +
      Writer::Text(1.0 / std::sqrt(static_cast<double>(head))) + ", -1)");
  const std::string mixed =
      out.Line("torch.matmul(" + weights + ", " + parts + "[2]).transpose(1, 2).reshape([-1, " +
               Writer::Text(tokens) + ", " + Writer::Text(channels) + "])");
  const std::string projected = linear(mixed, op.proj_weight, op.proj_bias, channels);
  return out.Line(c.inputs[0] + " + " + projected + ".transpose(1, 2).reshape([-1, " +
                  Writer::Text(channels) + ", " + Writer::Text(c.in.height) + ", " +
                  Writer::Text(c.in.width) + "])");
}

// As in models/nets/color_space.cpp.
std::string Write(const Context& c, const Lightness&) {
  Writer& out = c.out;
  const std::string& rgb = c.inputs[0];
  const std::string linear =
      out.Line("torch.where(" + rgb + " <= 0.04045, " + rgb + " / 12.92, torch.pow((" + rgb +
               ".clamp(min=0.04045) + 0.055) / 1.055, 2.4))");
  const std::string y = out.Line("torch.conv2d(" + linear + ", " +
                                 out.Constant({0.2126f, 0.7152f, 0.0722f}, {1, 3, 1, 1}) + ")");
  const std::string knee = Writer::Text(216.0 / 24389.0);
  return out.Line("torch.where(" + y + " <= " + knee + ", " + y + " * " +
                  Writer::Text(24389.0 / 27.0) + ", 116.0 * torch.pow(" + y + ".clamp(min=" + knee +
                  "), " + Writer::Text(1.0 / 3.0) + ") - 16.0) / 100.0");
}

// The classifier's answer where it is no part of the graph.
std::string CallClassifier(Writer& out, const std::vector<std::string>& names, const Graph& graph,
                           SeverityNet net, torch::jit::Module* module) {
  const auto* script = dynamic_cast<const TorchScriptClassifier*>(net->classifier.get());
  if (script == nullptr) {
    throw Error(ErrorKind::kUnsupported,
                "the classifier " + net->architecture.classifier +
                    " cannot be exported yet: it has no lowering to the inference graph "
                    "(ClassifierModule::Lower)");
  }
  module->register_module("classifier", script->Export());
  std::string parts;
  for (const int part : graph.ClassifierParts()) {
    parts += (parts.empty() ? "" : ", ") + names[part];
  }
  const std::string joined = out.Line("torch.cat([" + parts + "], 1)");
  const Architecture& a = net->architecture;
  return out.Line("self.classifier.forward((" + joined + " - " + Writer::Text(a.mean) + ") / " +
                  Writer::Text(a.std) + ")");
}

}  // namespace

torch::jit::Module ToTorchScript(const Graph& graph, SeverityNet net) {
  torch::jit::Module module("HeparSeverity");
  Writer writer(&module);
  std::vector<std::string> names(graph.values.size());
  names[0] = "picture";
  for (const Node& node : graph.nodes) {
    std::vector<std::string> inputs;
    for (int id : node.inputs) inputs.push_back(names[id]);
    const Context context{writer, inputs, graph.values[node.inputs[0]], graph.values[node.output]};
    names[node.output] =
        std::visit([&context](const auto& op) { return Write(context, op); }, node.op);
  }
  const std::string logits = graph.has_classifier()
                                 ? names[graph.logits] + ".flatten(1)"
                                 : CallClassifier(writer, names, graph, net, &module);
  // The trailing comma makes a tuple of one result too.
  std::string results = logits + ",";
  for (const int id : {graph.specific, graph.common, graph.reconstruction}) {
    if (id != Graph::kNoValue) results += " " + names[id] + ",";
  }
  if (graph.auxiliary_logits != Graph::kNoValue) {
    results += " " + names[graph.auxiliary_logits] + ".flatten(1),";
  }
  module.define("def forward(self, picture):\n" + writer.body() + "  return (" + results + ")\n");
  module.eval();
  return module;
}

}  // namespace hepar
