// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/graph/graph.h"

namespace hepar {

// Builds a Graph node by node, in the order of computation. Each call adds one node and returns the
// id of its value, whose shape it works out. Shapes that do not fit throw Error(kMismatch) with the
// node's name.
class GraphBuilder {
 public:
  // The picture is value 0.
  explicit GraphBuilder(const Shape& picture);

  // `residual`: the second input of a convolution that has one.
  //
  // A ScaleShift without activation in front of a convolution without padding becomes part of its
  // weights. With padding it cannot: the border is zero behind the shift, not in front of it.
  int Append(const std::string& name, Convolution op, int x, int residual = Graph::kNoValue);
  int Append(const std::string& name, const MaxPool& op, int x);
  int Append(const std::string& name, const AdaptivePool& op, int x, int height, int width);
  int Append(const std::string& name, const ChannelReduce& op, int x);
  // x itself where it has that size and nothing is to be activated.
  int Append(const std::string& name, const Upsample& op, int x, int height, int width);
  int Append(const std::string& name, const Concat& op, const std::vector<int>& inputs);
  int Append(const std::string& name, const Add& op, int x, int y);
  int Append(const std::string& name, const Multiply& op, int x, int y);
  int Append(const std::string& name, ScaleShift op, int x);
  int Append(const std::string& name, PixelAttention op, int x);
  int Append(const std::string& name, const Lightness& op, int x);

  const Shape& shape(int value) const { return graph_.values[value]; }

  // The nodes appended from here on classify.
  void BeginClassification() { graph_.decoupling_nodes = graph_.nodes.size(); }

  // Where the ids of the results are set.
  Graph& graph() { return graph_; }

  // The graph without the nodes that no result needs. The builder is used up.
  Graph Finish();

 private:
  int Push(const std::string& name, Operator op, std::vector<int> inputs, const Shape& shape);
  const Node* GiverOf(int value) const;  // Null for the picture.

  Graph graph_;
};

}  // namespace hepar
