// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/graph/graph.h"
#include "models/nets/architecture.h"

namespace hepar {

class GraphBuilder;

// A severity classifier: (B, N, H, W) normalised planes -> (B, classes) logits. Anything that
// implements this plugs in behind the decouplers.
struct ClassifierModule : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& planes) = 0;

  // Path of the first convolution's weight in the module tree, whose input channels are adapted
  // when weights made for RGB are imported. Empty: the classifier has none.
  virtual std::string first_weight() const = 0;

  // Appends what forward() computes in evaluation mode to `graph`, for the normalised planes that
  // are its value `planes`, and returns the id of the logits (classes x 1 x 1). kNoValue, without
  // having appended anything: there is no such lowering, and the engine calls forward() itself,
  // which is slower.
  virtual int Lower(GraphBuilder* /*graph*/, int /*planes*/) const { return Graph::kNoValue; }
};

// Names for Architecture::classifier. "torchscript" is the user's own, from a file.
std::vector<std::string> ClassifierNames();

// Sets `classifier` and `classifier_script` of `architecture`, whose `classes` must be set, from
// what a user writes: one of ClassifierNames(), or "torchscript:FILE". The file is read and tried
// on pictures of `in_planes` planes and input_size x input_size pixels, as
// models/nets/torchscript_classifier.h says. Throws Error: kInvalid, listing the names, for an
// unknown one and for "torchscript" without a file; those of ReadTorchScriptClassifier.
void SetClassifier(const std::string& option, int in_planes, int input_size,
                   Architecture* architecture);

// Makes the classifier that `architecture` names, for N = `in_planes` input planes, with fresh
// weights, but for a TorchScript one, which has those of its file. Throws Error(kInvalid), listing
// the names, for an unknown one.
std::shared_ptr<ClassifierModule> MakeClassifier(const Architecture& architecture, int in_planes);

// Number of values that training changes: those of parameters that ask for a gradient. 0 for a
// frozen TorchScript classifier, in front of which only the decouplers learn.
std::int64_t CountTrainable(const ClassifierModule& classifier);

}  // namespace hepar
