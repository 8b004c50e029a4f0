// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "models/graph/graph.h"

namespace hepar {

// The gradient of the logits of a Graph with respect to its picture, as plain data beside the
// graph: reverse-mode differentiation with weights that hold still. Its nodes follow those of the
// forward graph and read their values.
//
// A gradient is the derivative of a scalar, which the caller chooses, by each number of a value of
// the forward graph, and has that value's shape. The caller gives that by the logits.

// How far the picture reaches.
enum class GradientScope {
  kEndToEnd,  // The features are computed from the picture.
  kFeatures,  // The same for a scalar of logits, Feat1 and Feat2, whose gradients are all given.
  kHeldFeatures,  // Feat1 and Feat2 are given and stay as they are; only the planes are the
                  // picture's.
};

// The adjoint of forward node `node`, without its activation and residual, with respect to its
// input number `input`: J^T g.
struct NodeAdjoint {
  std::size_t node = 0;
  int input = 0;
};

// g y (1 - y), for a value y = sigmoid(x).
struct SigmoidAdjoint {
  int value = 0;
};

// The channels of g, the gradient of the concatenation `node`, that are its input number `input`.
struct Part {
  std::size_t node = 0;
  int input = 0;
};

// g itself: a sum where the node has a `residual`.
struct Identity {};

using GradientOperator = std::variant<NodeAdjoint, SigmoidAdjoint, Part, Identity>;

// Its output is op(g), plus `residual` where that is given, and 0 where `gate` is not above 0:
// behind a ReLU with the output `gate`.
struct GradientNode {
  std::string name;  // Of the forward node, and what of it: "ic1.trunk.stem gradient".
  GradientOperator op;
  int gradient = Graph::kNoValue;  // g.
  int residual = Graph::kNoValue;  // Another gradient of the same value.
  int gate = Graph::kNoValue;      // A value of the forward graph.
  int output = 0;
};

struct GradientGraph {
  Graph forward;  // Without nodes that the logits, and features with a gradient, do not depend on.
  // Ids of gradients follow those of the forward graph's values: gradient id belongs to the value
  // value_of[id - forward.values.size()].
  std::vector<int> value_of;
  std::vector<GradientNode> nodes;  // In an order that computes every gradient before it is used.

  // Ids of the gradients that the caller gives; kNoValue for those that it does not.
  int logits = Graph::kNoValue, specific = Graph::kNoValue, common = Graph::kNoValue;
  int picture = Graph::kNoValue;  // The result.

  bool IsGradient(int id) const { return id >= static_cast<int>(forward.values.size()); }
  int ValueOf(int id) const { return IsGradient(id) ? value_of[id - forward.values.size()] : id; }
  const Shape& ShapeOf(int id) const { return forward.values[ValueOf(id)]; }
};

// Throws Error(kUnsupported), naming the node, for an operator without an adjoint and for a graph
// without a classifier.
//
// In the forward graph a residual that is added after an activation becomes a node of its own: the
// activation's output, which says where its derivative is 0, is then a value.
//
// `keep_results`: the forward graph also computes the reconstruction, which the logits do not need.
GradientGraph MakeGradientGraph(Graph graph, GradientScope scope, bool keep_results = false);

}  // namespace hepar
