// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/nets/severity_net.h"
#include "training/trainer/optimizer_options.h"

namespace hepar {

// One of LibTorch's optimizers over the parameters of a net. Unlike LibTorch's own serialization
// Save() and Load() keep the learning rates too, without which a resumed run would diverge.
class Optimizer {
 public:
  Optimizer(const OptimizerOptions& options, SeverityNet net);

  // The decouplers' rate; the classifier's follows by its factor.
  void SetLearningRate(double rate);
  double learning_rate() const;

  // Forgets the gradients: a parameter that the next loss does not reach is then left alone.
  void ZeroGrad();
  void Step() { optimizer_->step(); }

  // What the optimizer resumes from: the learning rate, and for each parameter that has taken part
  // its number of steps and its moments, by names such as "exp_avg.17" with the parameter's place.
  using State = std::map<std::string, torch::Tensor>;
  State Save() const;

  // Takes over what Save() gave for an optimizer of the same kind and architecture. Throws Error,
  // naming the tensor and its file `origin`: kMismatch for one that is missing, of another shape or
  // of no use, kDamaged for one that holds no sensible numbers.
  void Load(const State& state, const std::string& origin);

 private:
  struct Kind;
  static const Kind& Of(OptimizerKind kind);
  std::vector<torch::Tensor> Parameters() const;

  const Kind* kind_;
  std::vector<double> factors_;  // Of each parameter group.
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

// A net of the same architecture, device and values that shares nothing with `net`. Leaves the
// generator of random numbers as it was.
SeverityNet CopyNet(SeverityNet net);

// Lays the convolution weights of a net out as (out, h, w, in) in memory, and with them all that it
// computes: LibTorch's CPU convolutions then need not rearrange every picture. Values are the same.
void ToChannelsLast(torch::nn::Module& net);

// Copies all parameters and buffers of one net to another of the same architecture.
void CopyWeights(SeverityNet from, SeverityNet to);

// Moves `average` toward `net` after its update number `update` (from 1): average = d average +
// (1 - d) net for parameters and batch-normalization statistics, with d rising to `decay` from a
// small value, so that the random start is soon forgotten. Counters are copied.
void UpdateAverage(SeverityNet net, double decay, std::int64_t update, SeverityNet average);

// Takes the weights of `net` into `average` when `worst`, the robust validation accuracy of its
// worst class, reaches the threshold: as they are the first time, by average = decay average +
// (1 - decay) net later. Parameters and batch-normalization statistics; counters are copied.
void UpdateFairAverage(SeverityNet net, const FairAverageOptions& options, double worst,
                       bool* begun, SeverityNet average);

}  // namespace hepar
