// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/graph/gradient_graph.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

// What is applied last to the output of a node.
Activation ActivationOf(const Operator& op) {
  struct Visitor {
    Activation operator()(const Convolution& o) const { return o.activation; }
    Activation operator()(const Upsample& o) const { return o.activation; }
    Activation operator()(const Add& o) const { return o.activation; }
    Activation operator()(const ScaleShift& o) const { return o.activation; }
    Activation operator()(const MaxPool&) const { return Activation::kNone; }
    Activation operator()(const AdaptivePool&) const { return Activation::kNone; }
    Activation operator()(const ChannelReduce&) const { return Activation::kNone; }
    Activation operator()(const Concat&) const { return Activation::kNone; }
    Activation operator()(const Multiply&) const { return Activation::kNone; }
    Activation operator()(const PixelAttention&) const { return Activation::kNone; }
    Activation operator()(const Lightness&) const { return Activation::kNone; }
  };
  return std::visit(Visitor(), op);
}

// Keeps the nodes that `needed` depends on, but for those of the values `given`.
void Prune(std::set<int> needed, const std::set<int>& given, Graph* graph) {
  std::vector<Node> kept;
  std::size_t decoupling = 0;
  for (std::size_t i = graph->nodes.size(); i-- > 0;) {
    Node& node = graph->nodes[i];
    if (needed.count(node.output) == 0 || given.count(node.output) > 0) continue;
    needed.insert(node.inputs.begin(), node.inputs.end());
    if (i < graph->decoupling_nodes) ++decoupling;
    kept.push_back(std::move(node));
  }
  graph->nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  graph->decoupling_nodes = decoupling;
}

void SeparateResiduals(Graph* graph) {
  std::vector<Node> nodes;
  std::size_t decoupling = 0;
  for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
    Node& node = graph->nodes[i];
    auto* conv = std::get_if<Convolution>(&node.op);
    if (conv == nullptr || conv->residual != Residual::kAfterActivation) {
      nodes.push_back(std::move(node));
    } else {
      const int residual = node.inputs[1], sum = node.output;
      const std::string name = node.name;
      node.inputs.pop_back();
      node.output = static_cast<int>(graph->values.size());
      graph->values.push_back(graph->values[sum]);
      conv->residual = Residual::kNone;
      nodes.push_back(std::move(node));
      nodes.push_back({name + ".sum", Add{}, {nodes.back().output, residual}, sum});
    }
    if (i < graph->decoupling_nodes) decoupling = nodes.size();
  }
  graph->nodes = std::move(nodes);
  graph->decoupling_nodes = decoupling;
}

class Differentiator {
 public:
  Differentiator(Graph graph, GradientScope scope, bool keep_results) {
    result_.forward = std::move(graph);
    Graph& forward = result_.forward;
    if (!forward.has_classifier()) {
      throw Error(ErrorKind::kUnsupported, "the classifier has no lowering");
    }
    std::set<int> needed = {forward.logits}, given;
    if (scope == GradientScope::kFeatures) needed.insert({forward.specific, forward.common});
    if (scope == GradientScope::kHeldFeatures) given = {forward.specific, forward.common};
    if (keep_results) needed.insert({forward.specific, forward.common, forward.reconstruction});
    Prune(needed, given, &forward);
    forward.auxiliary_logits = Graph::kNoValue;
    if (!keep_results) forward.reconstruction = Graph::kNoValue;
    SeparateResiduals(&forward);

    producer_.assign(forward.values.size(), kNoNode);
    depends_.assign(forward.values.size(), false);
    depends_[0] = true;
    for (std::size_t i = 0; i < forward.nodes.size(); ++i) {
      const Node& node = forward.nodes[i];
      producer_[node.output] = i;
      depends_[node.output] = std::any_of(node.inputs.begin(), node.inputs.end(),
                                          [this](int input) { return depends_[input]; });
    }
    if (!depends_[forward.logits]) {
      throw Error(ErrorKind::kUnsupported, "the logits do not depend on the picture");
    }
    contributions_.resize(forward.values.size());
    result_.logits = Seed(forward.logits);
    if (scope == GradientScope::kFeatures) {
      result_.specific = Seed(forward.specific);
      result_.common = Seed(forward.common);
    }
  }

  GradientGraph Run() {
    const Graph& forward = result_.forward;
    for (std::size_t i = forward.nodes.size(); i-- > 0;) {
      const Node& node = forward.nodes[i];
      if (!depends_[node.output] || contributions_[node.output].empty()) continue;
      const int gradient = Finish(node.output, node.name);
      std::visit([&](const auto& op) { Distribute(op, i, gradient); }, node.op);
    }
    result_.picture = Finish(0, "picture");
    return std::move(result_);
  }

 private:
  static constexpr std::size_t kNoNode = static_cast<std::size_t>(-1);

  // One term of the gradient of a value: a gradient that exists, or a node that is still to be
  // appended, with the residual and the gate that its place in the sum gives it.
  struct Term {
    bool exists = false;
    int gradient = Graph::kNoValue;
    GradientOperator op = Identity{};
    bool gated = false;  // Already 0 where the value is not above 0.
  };

  int NewGradient(int value) {
    result_.value_of.push_back(value);
    return static_cast<int>(result_.forward.values.size() + result_.value_of.size()) - 1;
  }

  int Seed(int value) {
    if (value == Graph::kNoValue) return Graph::kNoValue;
    const int gradient = NewGradient(value);
    contributions_[value].push_back({true, gradient, Identity{}, false});
    return gradient;
  }

  // Whether the value is what a ReLU left; of a concatenation all parts must be.
  bool BehindRelu(int value) const {
    if (producer_[value] == kNoNode) return false;
    const Node& node = result_.forward.nodes[producer_[value]];
    if (std::holds_alternative<Concat>(node.op)) {
      return std::all_of(node.inputs.begin(), node.inputs.end(),
                         [this](int input) { return BehindRelu(input); });
    }
    return ActivationOf(node.op) == Activation::kRelu;
  }

  int Push(const std::string& name, GradientOperator op, int gradient, int residual, int gate,
           int value) {
    const int output = NewGradient(value);
    result_.nodes.push_back({name + " gradient", op, gradient, residual, gate, output});
    return output;
  }

  // Sums the terms of the gradient of `value` and takes it back through the activation that made
  // the value. What exists is summed first: the nodes to append can add it to their results.
  int Finish(int value, const std::string& name) {
    auto& terms = contributions_[value];
    std::stable_partition(terms.begin(), terms.end(), [](const Term& t) { return t.exists; });
    const bool relu = BehindRelu(value);
    const bool gated =
        std::all_of(terms.begin(), terms.end(), [](const Term& t) { return t.gated; });
    int sum = Graph::kNoValue;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const bool last = i + 1 == terms.size();
      if (i == 0 && terms[i].exists) {
        sum = terms[i].gradient;
        if (last && relu && !gated) {
          sum = Push(name, Identity{}, sum, Graph::kNoValue, value, value);
        }
        continue;
      }
      sum = Push(name, terms[i].op, terms[i].gradient, sum, last && relu ? value : Graph::kNoValue,
                 value);
    }
    const std::size_t producer = producer_[value];
    if (producer != kNoNode &&
        ActivationOf(result_.forward.nodes[producer].op) == Activation::kSigmoid) {
      sum = Push(name, SigmoidAdjoint{value}, sum, Graph::kNoValue, Graph::kNoValue, value);
    }
    return sum;
  }

  void Give(int value, Term term) {
    if (depends_[value]) contributions_[value].push_back(std::move(term));
  }

  // Passes the gradient of a node's output, before its activation, on to its inputs.
  void Distribute(const Convolution& op, std::size_t index, int gradient) {
    const Node& node = result_.forward.nodes[index];
    Give(node.inputs[0], {false, gradient, NodeAdjoint{index, 0}, false});
    if (op.residual != Residual::kNone) Give(node.inputs[1], {true, gradient, Identity{}, false});
  }
  void Distribute(const Add& /*op*/, std::size_t index, int gradient) {
    for (const int input : result_.forward.nodes[index].inputs) {
      Give(input, {true, gradient, Identity{}, false});
    }
  }
  void Distribute(const Concat& /*op*/, std::size_t index, int gradient) {
    const Node& node = result_.forward.nodes[index];
    const bool gated = BehindRelu(node.output);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const int input = node.inputs[i];
      if (!depends_[input]) continue;
      const int part = Push(node.name, Part{index, static_cast<int>(i)}, gradient, Graph::kNoValue,
                            Graph::kNoValue, input);
      Give(input, {true, part, Identity{}, gated});
    }
  }
  void Distribute(const Lightness& /*op*/, std::size_t index, int /*gradient*/) {
    throw Error(ErrorKind::kUnsupported,
                result_.forward.nodes[index].name + ": CIE L* has no adjoint");
  }
  template <typename Op>
  void Distribute(const Op& /*op*/, std::size_t index, int gradient) {
    const Node& node = result_.forward.nodes[index];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      Give(node.inputs[i], {false, gradient, NodeAdjoint{index, static_cast<int>(i)}, false});
    }
  }

  GradientGraph result_;
  std::vector<std::size_t> producer_;             // By value.
  std::vector<bool> depends_;                     // By value: on the picture.
  std::vector<std::vector<Term>> contributions_;  // By value.
};

}  // namespace

GradientGraph MakeGradientGraph(Graph graph, GradientScope scope, bool keep_results) {
  return Differentiator(std::move(graph), scope, keep_results).Run();
}

}  // namespace hepar
