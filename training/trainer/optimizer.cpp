// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/optimizer.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace hepar {
namespace {

using torch::optim::OptimizerParamGroup;

using Make = std::unique_ptr<torch::optim::Optimizer> (*)(const OptimizerOptions&,
                                                          std::vector<OptimizerParamGroup>);

template <typename Algorithm, typename Options>
std::unique_ptr<torch::optim::Optimizer> MakeWith(Options options, double weight_decay,
                                                  std::vector<OptimizerParamGroup> groups) {
  // Groups come in pairs: with weight decay, and without.
  for (std::size_t i = 0; i < groups.size(); ++i) {
    auto own = options;
    own.weight_decay(i % 2 == 0 ? weight_decay : 0.0);
    groups[i].set_options(std::make_unique<Options>(own));
  }
  return std::make_unique<Algorithm>(std::move(groups), options);
}

std::unique_ptr<torch::optim::Optimizer> MakeAdam(const OptimizerOptions& o,
                                                  std::vector<OptimizerParamGroup> groups) {
  return MakeWith<torch::optim::Adam>(torch::optim::AdamOptions(o.learning_rate), o.weight_decay,
                                      std::move(groups));
}

std::unique_ptr<torch::optim::Optimizer> MakeAdamW(const OptimizerOptions& o,
                                                   std::vector<OptimizerParamGroup> groups) {
  return MakeWith<torch::optim::AdamW>(torch::optim::AdamWOptions(o.learning_rate), o.weight_decay,
                                       std::move(groups));
}

std::unique_ptr<torch::optim::Optimizer> MakeSgd(const OptimizerOptions& o,
                                                 std::vector<OptimizerParamGroup> groups) {
  return MakeWith<torch::optim::SGD>(torch::optim::SGDOptions(o.learning_rate).momentum(0.9),
                                     o.weight_decay, std::move(groups));
}

Make MakeOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdam:
      return MakeAdam;
    case OptimizerKind::kAdamW:
      return MakeAdamW;
    case OptimizerKind::kSgd:
      break;
  }
  return MakeSgd;
}

// Weights of the modules in the first group, their biases and normalization in the second.
void AppendGroups(const std::vector<torch::Tensor>& parameters,
                  std::vector<OptimizerParamGroup>* groups) {
  std::vector<torch::Tensor> weights, others;
  for (const auto& parameter : parameters) {
    (parameter.dim() > 1 ? weights : others).push_back(parameter);
  }
  groups->emplace_back(weights);
  groups->emplace_back(others);
}

// Parameters and buffers, in the same order for nets of the same architecture.
std::vector<torch::Tensor> AllTensors(SeverityNet net) {
  auto tensors = net->parameters();
  const auto buffers = net->buffers();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  return tensors;
}

// average = kept average + (1 - kept) net; counters are copied.
void MixInto(SeverityNet net, double kept, SeverityNet average) {
  torch::NoGradGuard no_grad;
  const auto source = AllTensors(net), target = AllTensors(average);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (target[i].is_floating_point()) {
      target[i].lerp_(source[i], 1.0 - kept);
    } else {
      target[i].copy_(source[i]);
    }
  }
}

}  // namespace

Optimizer::Optimizer(const OptimizerOptions& options, SeverityNet net)
    : factors_{1.0, 1.0, options.classifier_factor, options.classifier_factor} {
  std::vector<torch::Tensor> decouplers;
  if (net->ic1) decouplers = net->ic1->parameters();
  if (net->ic2) {
    const auto common = net->ic2->parameters();
    decouplers.insert(decouplers.end(), common.begin(), common.end());
  }

  std::vector<OptimizerParamGroup> groups;
  AppendGroups(decouplers, &groups);
  AppendGroups(net->classifier->parameters(), &groups);
  optimizer_ = MakeOf(options.kind)(options, std::move(groups));
  SetLearningRate(options.learning_rate);
}

void Optimizer::SetLearningRate(double rate) {
  auto& groups = optimizer_->param_groups();
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].options().set_lr(rate * factors_[i]);
}

double Optimizer::learning_rate() const { return optimizer_->param_groups()[0].options().get_lr(); }

void Optimizer::ZeroGrad() {
  for (auto& group : optimizer_->param_groups()) {
    for (auto& parameter : group.params()) parameter.mutable_grad().reset();
  }
}

void Optimizer::Save(torch::serialize::OutputArchive& archive) const {
  torch::serialize::OutputArchive state(archive.compilation_unit());
  optimizer_->save(state);
  archive.write("state", state);
  archive.write("learning_rate", torch::tensor(learning_rate(), torch::kFloat64));
}

void Optimizer::Load(torch::serialize::InputArchive& archive) {
  torch::serialize::InputArchive state;
  archive.read("state", state);
  optimizer_->load(state);
  torch::Tensor rate;
  archive.read("learning_rate", rate);
  SetLearningRate(rate.item<double>());
}

SeverityNet CopyNet(SeverityNet net) {
  // The random weights that the copy starts with must not be missing from those of training.
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto state = [&] {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    return generator.get_state();
  }();
  SeverityNet copy(net->architecture);
  {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(state);
  }
  copy->to(net->parameters().front().device());
  CopyWeights(net, copy);
  return copy;
}

void ToChannelsLast(torch::nn::Module& net) {
  for (auto& parameter : net.parameters()) {
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.detach().contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
}

void CopyWeights(SeverityNet from, SeverityNet to) {
  torch::NoGradGuard no_grad;
  const auto source = AllTensors(from), target = AllTensors(to);
  for (std::size_t i = 0; i < source.size(); ++i) target[i].copy_(source[i]);
}

void UpdateAverage(SeverityNet net, double decay, std::int64_t update, SeverityNet average) {
  const double n = static_cast<double>(update);
  MixInto(net, std::min(decay, (1.0 + n) / (10.0 + n)), average);
}

void UpdateFairAverage(SeverityNet net, const FairAverageOptions& options, double worst,
                       bool* begun, SeverityNet average) {
  if (worst < options.threshold) return;
  if (*begun) {
    MixInto(net, options.decay, average);
  } else {
    CopyWeights(net, average);
  }
  *begun = true;
}

}  // namespace hepar
