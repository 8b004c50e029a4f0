// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/map_layouts.h"

#include <algorithm>
#include <variant>

namespace hepar::cpu {
namespace {

constexpr int kMostPlanarChannels = 3;

// Pictures and results are planar for those who read them, and so are maps of so few channels that
// most lanes of a block would hold none.
std::vector<bool> ChoosePlanar(const Graph& graph) {
  std::vector<bool> planar(graph.values.size());
  for (std::size_t v = 0; v < planar.size(); ++v) {
    const Shape& shape = graph.values[v];
    planar[v] = shape.channels <= kMostPlanarChannels && shape.pixels() > 1;
  }
  for (const int v : {0, graph.planes, graph.specific, graph.common, graph.reconstruction,
                      graph.auxiliary_logits, graph.logits}) {
    if (v != Graph::kNoValue) planar[v] = true;
  }
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ScaleShift>(node.op)) planar[node.output] = true;
    if (std::holds_alternative<Concat>(node.op)) {
      planar[node.output] = std::all_of(node.inputs.begin(), node.inputs.end(),
                                        [&](int input) { return planar[input]; });
    }
  }
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (std::holds_alternative<Upsample>(node->op) && planar[node->output]) {
      planar[node->inputs[0]] = true;
    }
  }
  return planar;
}

class Layouter {
 public:
  Layouter(const Graph& graph, const Kernels& kernels)
      : graph_(graph),
        lanes_(kernels.lanes),
        pair_(kernels.pair),
        planar_(ChoosePlanar(graph)),
        done_(graph.values.size()) {
    layouts_.places.resize(graph.values.size());
    layouts_.buffers.push_back(0);
  }

  MapLayouts Run() {
    PlaceFrame();
    for (const Node& node : graph_.nodes) {
      if (std::holds_alternative<Concat>(node.op)) PlaceConcat(node);
    }
    for (std::size_t v = 0; v < graph_.values.size(); ++v) {
      const int value = static_cast<int>(v);
      if (!done_[v]) Set(value, NewBuffer(FloatsOf(value)), 0);
    }
    return std::move(layouts_);
  }

 private:
  int BlocksOf(int value) const { return (graph_.values[value].channels + lanes_ - 1) / lanes_; }
  std::size_t FloatsOf(int value) const {
    const Shape& shape = graph_.values[value];
    return planar_[value] ? shape.count() : BlockedFloats(value);
  }
  std::size_t BlockedFloats(int value) const {
    return BlocksOf(value) * graph_.values[value].pixels() * lanes_ / pair_;
  }

  int NewBuffer(std::size_t floats) {
    layouts_.buffers.push_back(floats);
    return static_cast<int>(layouts_.buffers.size()) - 1;
  }

  // A value whose channels follow each other.
  void Set(int value, int buffer, std::size_t offset) {
    Place& place = layouts_.places[value];
    place.buffer = buffer;
    place.offset = offset;
    place.planar = planar_[value];
    done_[value] = true;
    if (place.planar) return;
    place.blocks = BlocksOf(value);
    const int channels = graph_.values[value].channels;
    for (int c = 0; c < channels; ++c) place.slots.push_back(c);
    for (int b = 0; b < place.blocks; ++b) {
      place.used_lanes.push_back(std::min(lanes_, channels - b * lanes_));
    }
  }

  std::size_t InFrame(int value) {
    if (value == Graph::kNoValue) return FrameLayout::kNowhere;
    std::size_t& count = layouts_.frame.count;
    const std::size_t offset = count;
    if (!done_[value]) {
      Set(value, MapLayouts::kFrame, offset);
      count += FloatsOf(value);
    }
    return layouts_.places[value].offset;
  }

  void PlaceFrame() {
    FrameLayout& frame = layouts_.frame;
    frame.specific = InFrame(graph_.specific);
    frame.common = InFrame(graph_.common);
    frame.planes = InFrame(graph_.planes);
    frame.classifier_input = layouts_.places[graph_.ClassifierParts().front()].offset;
    frame.picture = InFrame(0);
    frame.reconstruction = InFrame(graph_.reconstruction);
    frame.count = (frame.count + 15) / 16 * 16;
    frame.auxiliary_logits = InFrame(graph_.auxiliary_logits);
    frame.logits = InFrame(graph_.logits);
  }

  void PlaceConcat(const Node& node) {
    if (!IsContiguous(node)) PlaceParts(node);
    // Its channels are those of the parts, wherever padding put them.
    Place& whole = layouts_.places[node.output];
    if (whole.planar) return;
    whole.slots.clear();
    whole.used_lanes.clear();
    whole.blocks = 0;
    for (const int input : node.inputs) {
      for (int c = 0; c < graph_.values[input].channels; ++c) {
        whole.slots.push_back(whole.blocks * lanes_ + c);
      }
      for (int b = 0; b < BlocksOf(input); ++b) {
        whole.used_lanes.push_back(std::min(lanes_, graph_.values[input].channels - b * lanes_));
      }
      whole.blocks += BlocksOf(input);
    }
  }

  // Parts that lie side by side already, as the classifier's input does, are the whole.
  bool IsContiguous(const Node& node) {
    const Place& first = layouts_.places[node.inputs[0]];
    std::size_t end = first.offset;
    for (const int input : node.inputs) {
      const Place& part = layouts_.places[input];
      if (!done_[input] || part.buffer != first.buffer || part.offset != end ||
          part.planar != planar_[node.output]) {
        return false;
      }
      end += FloatsOf(input);
    }
    Set(node.output, first.buffer, first.offset);
    return true;
  }

  void PlaceParts(const Node& node) {
    std::size_t floats = 0;
    for (const int input : node.inputs) {
      floats += planar_[node.output] ? graph_.values[input].count() : BlockedFloats(input);
    }
    const int buffer = NewBuffer(floats);
    Set(node.output, buffer, 0);
    std::size_t offset = 0;
    for (const int input : node.inputs) {
      const bool same_layout = planar_[input] == planar_[node.output];
      if (!done_[input] && same_layout) Set(input, buffer, offset);
      offset += planar_[node.output] ? graph_.values[input].count() : BlockedFloats(input);
    }
  }

  const Graph& graph_;
  const int lanes_, pair_;
  std::vector<bool> planar_;
  std::vector<bool> done_;
  MapLayouts layouts_;
};

}  // namespace

MapLayouts LayOut(const Graph& graph, const Kernels& kernels) {
  return Layouter(graph, kernels).Run();
}

}  // namespace hepar::cpu
