// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/optimizer.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <mutex>
#include <sstream>
#include <type_traits>
#include <utility>

#include "models/error.h"
#include "models/tensor_file/torch_view.h"

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

using ParamState = torch::optim::OptimizerParamState;

// Keys of LibTorch's map of states; older releases have texts, newer ones addresses.
template <typename Key>
Key KeyOf(const torch::Tensor& parameter) {
  if constexpr (std::is_same_v<Key, std::string>) {
    std::ostringstream text;
    text << parameter.unsafeGetTensorImpl();
    return text.str();
  } else {
    return parameter.unsafeGetTensorImpl();
  }
}
template <typename States>
auto KeyIn(const States&, const torch::Tensor& parameter) {
  return KeyOf<typename States::key_type>(parameter);
}

// Where Load() takes the tensors of one parameter from.
class StateReader {
 public:
  StateReader(const Optimizer::State& state, const std::string& origin)
      : state_(state), origin_(origin) {}

  bool Has(const std::string& name) const { return state_.count(name) > 0; }

  // The tensor `name`, which must have the shape of `like`.
  torch::Tensor Take(const std::string& name, const torch::Tensor& like) {
    const auto found = state_.find(name);
    if (found == state_.end()) {
      throw Error(ErrorKind::kMismatch, origin_ + ": lacks the tensor '" + name + "'");
    }
    ++taken_;
    // Laid out as it was, so that the next step computes in the same order. A tensor of another
    // shape must not decide how much memory is taken.
    const bool fits = found->second.sizes() == like.sizes();
    auto value = torch::empty_like(fits ? found->second : like, like.options());
    CopyChecked(found->second, name, origin_, value);
    return value;
  }
  std::int64_t TakeCount(const std::string& name) {
    const auto value = Take(name, torch::tensor(0, torch::kInt64)).item<std::int64_t>();
    if (value < 0) throw Error(ErrorKind::kDamaged, origin_ + ": '" + name + "' is below 0");
    return value;
  }

  void CheckAllTaken() const {
    if (taken_ == state_.size()) return;
    throw Error(ErrorKind::kMismatch, origin_ + ": holds " + std::to_string(state_.size()) +
                                          " tensors of an optimizer, this one needs " +
                                          std::to_string(taken_));
  }

 private:
  const Optimizer::State& state_;
  const std::string& origin_;
  std::size_t taken_ = 0;
};

// Adam and AdamW: two moments and a count. `number` is the parameter's place.
template <typename State>
void SaveMoments(const ParamState& from, const std::string& number, Optimizer::State* to) {
  const auto& state = static_cast<const State&>(from);
  to->emplace("step." + number, torch::tensor(state.step(), torch::kInt64));
  to->emplace("exp_avg." + number, state.exp_avg());
  to->emplace("exp_avg_sq." + number, state.exp_avg_sq());
}
template <typename State>
std::unique_ptr<ParamState> LoadMoments(const std::string& number, const torch::Tensor& parameter,
                                        StateReader* from) {
  if (!from->Has("step." + number)) return nullptr;
  auto state = std::make_unique<State>();
  state->step(from->TakeCount("step." + number));
  state->exp_avg(from->Take("exp_avg." + number, parameter));
  state->exp_avg_sq(from->Take("exp_avg_sq." + number, parameter));
  return state;
}

void SaveMomentum(const ParamState& from, const std::string& number, Optimizer::State* to) {
  const auto& state = static_cast<const torch::optim::SGDParamState&>(from);
  if (state.momentum_buffer().defined()) {
    to->emplace("momentum_buffer." + number, state.momentum_buffer());
  }
}
std::unique_ptr<ParamState> LoadMomentum(const std::string& number, const torch::Tensor& parameter,
                                         StateReader* from) {
  if (!from->Has("momentum_buffer." + number)) return nullptr;
  auto state = std::make_unique<torch::optim::SGDParamState>();
  state->momentum_buffer(from->Take("momentum_buffer." + number, parameter));
  return state;
}

constexpr char kLearningRate[] = "learning_rate";

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

struct Optimizer::Kind {
  Make make;
  void (*save)(const ParamState&, const std::string& number, State*);
  std::unique_ptr<ParamState> (*load)(const std::string& number, const torch::Tensor& parameter,
                                      StateReader*);
};

const Optimizer::Kind& Optimizer::Of(OptimizerKind kind) {
  using torch::optim::AdamParamState;
  using torch::optim::AdamWParamState;
  static constexpr Kind kAdam = {MakeAdam, SaveMoments<AdamParamState>,
                                 LoadMoments<AdamParamState>};
  static constexpr Kind kAdamW = {MakeAdamW, SaveMoments<AdamWParamState>,
                                  LoadMoments<AdamWParamState>};
  static constexpr Kind kSgd = {MakeSgd, SaveMomentum, LoadMomentum};
  switch (kind) {
    case OptimizerKind::kAdam:
      return kAdam;
    case OptimizerKind::kAdamW:
      return kAdamW;
    case OptimizerKind::kSgd:
      break;
  }
  return kSgd;
}

Optimizer::Optimizer(const OptimizerOptions& options, SeverityNet net)
    : kind_(&Of(options.kind)),
      factors_{1.0, 1.0, options.classifier_factor, options.classifier_factor} {
  std::vector<torch::Tensor> decouplers;
  if (net->ic1) decouplers = net->ic1->parameters();
  if (net->ic2) {
    const auto common = net->ic2->parameters();
    decouplers.insert(decouplers.end(), common.begin(), common.end());
  }

  std::vector<OptimizerParamGroup> groups;
  AppendGroups(decouplers, &groups);
  AppendGroups(net->classifier->parameters(), &groups);
  optimizer_ = kind_->make(options, std::move(groups));
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

std::vector<torch::Tensor> Optimizer::Parameters() const {
  std::vector<torch::Tensor> parameters;
  for (const auto& group : optimizer_->param_groups()) {
    parameters.insert(parameters.end(), group.params().begin(), group.params().end());
  }
  return parameters;
}

Optimizer::State Optimizer::Save() const {
  State saved;
  saved.emplace(kLearningRate, torch::tensor(learning_rate(), torch::kFloat64));
  const auto& states = optimizer_->state();
  const auto parameters = Parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto state = states.find(KeyIn(states, parameters[i]));
    if (state != states.end()) kind_->save(*state->second, std::to_string(i), &saved);
  }
  return saved;
}

void Optimizer::Load(const State& state, const std::string& origin) {
  StateReader reader(state, origin);
  const auto rate = reader.Take(kLearningRate, torch::tensor(0.0, torch::kFloat64)).item<double>();
  auto& states = optimizer_->state();
  states.clear();
  const auto parameters = Parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto loaded = kind_->load(std::to_string(i), parameters[i], &reader);
    if (loaded) states[KeyIn(states, parameters[i])] = std::move(loaded);
  }
  reader.CheckAllTaken();
  SetLearningRate(rate);
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
