// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/graph/graph.h"
#include "training/bench/standalone_convolution.h"
#include "training/bench/timing.h"

namespace hepar {

// A step of the CPU engine, and beside a convolution the time of oneDNN alone.
struct Layer {
  std::string node, kernel, shape;
  double macs = 0.0;
  std::vector<double> engine_ms, bf16_ms, standalone_ms;
};

// Times each step of the CPU engine.
class LayerBench {
 public:
  // Makes plans of `graph` for fp32 and, where the processor has it, bf16.
  LayerBench(const Graph& graph, ReadClock clock);
  ~LayerBench();

  // One pass of each.
  void Run();

  const std::vector<Layer>& layers() const { return layers_; }

  // The sum of the convolutions' medians.
  double RooflineMs() const;

 private:
  class TimedPlan;
  struct Alone {
    const Convolution* op = nullptr;  // Of the constructor's graph, for the constructor.
    Shape in, out;
    std::unique_ptr<StandaloneConvolution> convolution;
  };

  void DropConversions();

  const ReadClock clock_;
  std::unique_ptr<TimedPlan> fp32_, bf16_;  // bf16_ may be null.
  std::vector<Layer> layers_;
  std::map<std::size_t, Alone> alone_;
};

nlohmann::ordered_json LayersToJson(const std::vector<Layer>& layers);

}  // namespace hepar
