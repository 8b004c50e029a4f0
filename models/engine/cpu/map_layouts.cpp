// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/map_layouts.h"

#include <algorithm>
#include <variant>

namespace hepar::cpu {
namespace {

constexpr int kMostPlanarChannels = 3;

// Pictures and results are planar for their readers; so are maps with so few channels that most
// lanes of a block would be unused.
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
      : graph_(graph), kernels_(kernels), planar_(ChoosePlanar(graph)), done_(graph.values.size()) {
    layouts_.placements.resize(graph.values.size());
    layouts_.buffers.push_back(0);
  }

  MapLayouts Run() {
    PlaceFrame();
    for (const Node& node : graph_.nodes) {
      if (std::holds_alternative<Concat>(node.op)) PlaceConcat(node);
    }
    for (std::size_t v = 0; v < graph_.values.size(); ++v) {
      const int value = static_cast<int>(v);
      if (!done_[v]) Place(value, NewBuffer(FloatsOf(value)), 0);
    }
    return std::move(layouts_);
  }

 private:
  // A value alone in a buffer, whose channels follow each other.
  Placement Alone(int value, bool planar) const {
    const Shape& shape = graph_.values[value];
    return planar ? PlanarPlacement(shape) : BlockedPlacement(shape, kernels_);
  }
  std::size_t FloatsOf(int value) const { return Alone(value, planar_[value]).floats; }

  int NewBuffer(std::size_t floats) {
    layouts_.buffers.push_back(floats);
    return static_cast<int>(layouts_.buffers.size()) - 1;
  }

  void Place(int value, int buffer, std::size_t offset) {
    Placement& placement = layouts_.placements[value];
    placement = Alone(value, planar_[value]);
    placement.buffer = buffer;
    placement.offset = offset;
    done_[value] = true;
  }

  std::size_t InFrame(int value) {
    if (value == Graph::kNoValue) return FrameLayout::kAbsent;
    std::size_t& count = layouts_.frame.count;
    const std::size_t offset = count;
    if (!done_[value]) {
      Place(value, MapLayouts::kFrame, offset);
      count += FloatsOf(value);
    }
    return layouts_.placements[value].offset;
  }

  void PlaceFrame() {
    FrameLayout& frame = layouts_.frame;
    frame.specific = InFrame(graph_.specific);
    frame.common = InFrame(graph_.common);
    frame.planes = InFrame(graph_.planes);
    frame.classifier_input = layouts_.placements[graph_.ClassifierParts().front()].offset;
    frame.picture = InFrame(0);
    frame.reconstruction = InFrame(graph_.reconstruction);
    frame.count = (frame.count + 15) / 16 * 16;
    frame.auxiliary_logits = InFrame(graph_.auxiliary_logits);
    frame.logits = InFrame(graph_.logits);
  }

  void PlaceConcat(const Node& node) {
    if (!IsContiguous(node)) PlaceParts(node);
    // The blocks of the whole are those of its parts, each of which may end in unused lanes.
    Placement& whole = layouts_.placements[node.output];
    whole.floats = FloatsOfParts(node);
    if (whole.planar) return;
    whole.lane_of.clear();
    whole.used_lanes.clear();
    whole.blocks = 0;
    for (const int input : node.inputs) {
      const Placement part = Alone(input, /*planar=*/false);
      for (const int lane : part.lane_of) {
        whole.lane_of.push_back(whole.blocks * kernels_.lanes + lane);
      }
      whole.used_lanes.insert(whole.used_lanes.end(), part.used_lanes.begin(),
                              part.used_lanes.end());
      whole.blocks += part.blocks;
    }
  }

  std::size_t FloatsOfParts(const Node& node) const {
    std::size_t floats = 0;
    for (const int input : node.inputs) floats += Alone(input, planar_[node.output]).floats;
    return floats;
  }

  // Parts that are adjacent already, such as those of the classifier's input, are the whole.
  bool IsContiguous(const Node& node) {
    const Placement& first = layouts_.placements[node.inputs[0]];
    std::size_t end = first.offset;
    for (const int input : node.inputs) {
      const Placement& part = layouts_.placements[input];
      if (!done_[input] || part.buffer != first.buffer || part.offset != end ||
          part.planar != planar_[node.output]) {
        return false;
      }
      end += FloatsOf(input);
    }
    Place(node.output, first.buffer, first.offset);
    return true;
  }

  void PlaceParts(const Node& node) {
    const int buffer = NewBuffer(FloatsOfParts(node));
    Place(node.output, buffer, 0);
    std::size_t offset = 0;
    for (const int input : node.inputs) {
      const bool same_layout = planar_[input] == planar_[node.output];
      if (!done_[input] && same_layout) Place(input, buffer, offset);
      offset += Alone(input, planar_[node.output]).floats;
    }
  }

  const Graph& graph_;
  const Kernels& kernels_;
  std::vector<bool> planar_;
  std::vector<bool> done_;
  MapLayouts layouts_;
};

}  // namespace

Placement BlockedPlacement(const Shape& shape, const Kernels& kernels) {
  const int lanes = kernels.lanes;
  Placement placement;
  placement.blocks = (shape.channels + lanes - 1) / lanes;
  placement.floats = placement.blocks * shape.pixels() * lanes / kernels.pair;
  for (int c = 0; c < shape.channels; ++c) placement.lane_of.push_back(c);
  for (int b = 0; b < placement.blocks; ++b) {
    placement.used_lanes.push_back(std::min(lanes, shape.channels - b * lanes));
  }
  return placement;
}

Placement PlanarPlacement(const Shape& shape) {
  Placement placement;
  placement.planar = true;
  placement.floats = shape.count();
  return placement;
}

MapLayouts LayOut(const Graph& graph, const Kernels& kernels) {
  return Layouter(graph, kernels).Run();
}

MapLayouts LayOut(const GradientGraph& graph, const Kernels& kernels) {
  MapLayouts layouts = LayOut(graph.forward, kernels);
  auto& placements = layouts.placements;
  placements.resize(graph.forward.values.size() + graph.value_of.size());
  const auto place_alone = [&](int id) {
    Placement placement = placements[graph.ValueOf(id)];
    placement.buffer = static_cast<int>(layouts.buffers.size());
    placement.offset = 0;
    layouts.buffers.push_back(placement.floats);
    placements[id] = std::move(placement);
  };
  for (const int id : {graph.logits, graph.specific, graph.common}) {
    if (id != Graph::kNoValue) place_alone(id);
  }
  for (const GradientNode& node : graph.nodes) {
    const auto* part = std::get_if<Part>(&node.op);
    if (part == nullptr) {
      place_alone(node.output);
      continue;
    }
    const Placement& whole = placements[node.gradient];
    const auto alone = [&](int input) {
      const Shape& shape = graph.forward.values[graph.forward.nodes[part->node].inputs[input]];
      return whole.planar ? PlanarPlacement(shape) : BlockedPlacement(shape, kernels);
    };
    Placement placement = alone(part->input);
    placement.buffer = whole.buffer;
    placement.offset = whole.offset;
    for (int i = 0; i < part->input; ++i) placement.offset += alone(i).floats;
    placements[node.output] = std::move(placement);
  }
  return layouts;
}

}  // namespace hepar::cpu
