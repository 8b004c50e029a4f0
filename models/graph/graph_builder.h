// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/graph/graph.h"

namespace hepar {

// Builds a Graph node by node, in the order of computation. Each call appends a node, infers the
// shape of its output and returns the id of that value. Shapes that do not fit throw
// Error(kMismatch) with the node's name.
class GraphBuilder {
 public:
  // The picture is value 0.
  explicit GraphBuilder(const Shape& picture);

  // `residual`: the second input of a convolution with a residual.
  //
  // A ScaleShift without activation before a convolution without padding is folded into its
  // weights. With padding it cannot be: the border is zero after the shift, not before it.
  int Append(const std::string& name, Convolution op, int x, int residual = Graph::kNoValue);
  int Append(const std::string& name, const MaxPool& op, int x);
  int Append(const std::string& name, const AdaptivePool& op, int x, int height, int width);
  int Append(const std::string& name, const ChannelReduce& op, int x);
  // Returns x itself where it already has that size and there is no activation.
  int Append(const std::string& name, const Upsample& op, int x, int height, int width);
  int Append(const std::string& name, const Concat& op, const std::vector<int>& inputs);
  int Append(const std::string& name, const Add& op, int x, int y);
  int Append(const std::string& name, const Multiply& op, int x, int y);
  int Append(const std::string& name, ScaleShift op, int x);
  int Append(const std::string& name, PixelAttention op, int x);
  int Append(const std::string& name, const Lightness& op, int x);

  const Shape& shape(int value) const { return graph_.values[value]; }

  // Nodes appended after this call classify.
  void BeginClassification() { graph_.decoupling_nodes = graph_.nodes.size(); }

  // For setting the ids of the results.
  Graph& graph() { return graph_; }

  // Returns the graph without the nodes that no result depends on. The builder is empty afterwards.
  Graph Finish();

 private:
  int Push(const std::string& name, Operator op, std::vector<int> inputs, const Shape& shape);
  const Node* ProducerOf(int value) const;  // Null for the picture.

  Graph graph_;
};

}  // namespace hepar
