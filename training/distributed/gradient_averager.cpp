// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/distributed/gradient_averager.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <unordered_set>
#include <utility>

#include "training/distributed/link.h"

namespace hepar {
namespace {

// Gradients of one type and device that travel together.
struct Bucket {
  std::vector<std::size_t> parameters;
  std::int64_t values = 0;

  // Of the running backward pass.
  torch::Tensor flat;  // (values)
  int missing = 0;     // Gradients that are still to come.
};

struct Parameter {
  torch::Tensor tensor;
  unsigned hook = 0;
  std::size_t bucket = 0;
  std::int64_t offset = 0;  // Of its first value in the bucket.
  bool reached = false;     // The running backward pass has come to it.
};

// The ends of the graph of `loss`: the nodes that hand gradients to leaves, and all on the way.
std::unordered_set<const torch::autograd::Node*> NodesOf(const torch::Tensor& loss) {
  std::unordered_set<const torch::autograd::Node*> nodes;
  std::vector<const torch::autograd::Node*> open;
  const auto visit = [&](const torch::autograd::Node* node) {
    if (node != nullptr && nodes.insert(node).second) open.push_back(node);
  };
  visit(loss.grad_fn().get());
  while (!open.empty()) {
    const auto* node = open.back();
    open.pop_back();
    for (const auto& edge : node->next_edges()) visit(edge.function.get());
  }
  return nodes;
}

}  // namespace

struct GradientAverager::Buckets {
  explicit Buckets(Communicator::Link& link) : link(link) {}

  void Assign(std::int64_t bucket_bytes);
  void Begin(const torch::Tensor& loss);
  void Take(std::size_t index, const torch::Tensor& gradient);
  void SendFront(bool complete_only);
  torch::Tensor View(const Parameter& parameter) const {
    return buckets[parameter.bucket]
        .flat.narrow(0, parameter.offset, parameter.tensor.numel())
        .view_as(parameter.tensor);
  }

  Communicator::Link& link;
  std::vector<Parameter> parameters;
  std::vector<Bucket> buckets;  // In the order in which all processes send them.

  // Of the running backward pass.
  bool running = false;
  std::size_t sent = 0;  // Buckets that are under way, the first ones.
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
};

// Gradients come about in the reverse of the order of the layers.
void GradientAverager::Buckets::Assign(std::int64_t bucket_bytes) {
  for (std::size_t index = parameters.size(); index-- > 0;) {
    auto& parameter = parameters[index];
    const auto& tensor = parameter.tensor;
    const auto bytes = [&](std::int64_t values) { return values * tensor.element_size(); };
    const bool fits =
        !buckets.empty() && bytes(buckets.back().values + tensor.numel()) <= bucket_bytes &&
        parameters[buckets.back().parameters[0]].tensor.options().type_equal(tensor.options());
    if (!fits) buckets.emplace_back();
    parameter.bucket = buckets.size() - 1;
    parameter.offset = buckets.back().values;
    buckets.back().parameters.push_back(index);
    buckets.back().values += tensor.numel();
  }
}

void GradientAverager::Buckets::Begin(const torch::Tensor& loss) {
  const auto nodes = NodesOf(loss);
  for (auto& bucket : buckets) {
    bucket.missing = 0;
    bucket.flat = torch::zeros({bucket.values}, parameters[bucket.parameters[0]].tensor.options());
    for (std::size_t index : bucket.parameters) {
      auto& parameter = parameters[index];
      parameter.reached = false;
      const auto end = torch::autograd::impl::try_get_grad_accumulator(parameter.tensor);
      if (end && nodes.count(end.get()) > 0) ++bucket.missing;
    }
  }
  works.clear();
  sent = 0;
  running = true;
  SendFront(/*complete_only=*/true);
}

void GradientAverager::Buckets::Take(std::size_t index, const torch::Tensor& gradient) {
  if (!running) return;
  auto& parameter = parameters[index];
  parameter.reached = true;
  View(parameter).copy_(gradient);
  --buckets[parameter.bucket].missing;
  SendFront(/*complete_only=*/true);
}

// In their order only, which alone makes them meet their like.
void GradientAverager::Buckets::SendFront(bool complete_only) {
  while (sent < buckets.size() && (!complete_only || buckets[sent].missing == 0)) {
    std::vector<torch::Tensor> shared{buckets[sent].flat};
    link.RequireContact();
    try {
      works.push_back(link.group->allreduce(shared));
    } catch (const std::exception& error) {
      link.ReportLoss(error);
    }
    ++sent;
  }
}

GradientAverager::GradientAverager(Communicator& communicator,
                                   const std::vector<torch::Tensor>& parameters,
                                   std::int64_t bucket_bytes)
    : communicator_(communicator), buckets_(std::make_unique<Buckets>(communicator.link())) {
  for (const auto& tensor : parameters) {
    if (tensor.requires_grad()) buckets_->parameters.push_back({tensor});
  }
  buckets_->Assign(bucket_bytes);
  for (std::size_t i = 0; i < buckets_->parameters.size(); ++i) {
    buckets_->parameters[i].hook = buckets_->parameters[i].tensor.register_hook(
        [buckets = buckets_.get(), i](const torch::Tensor& gradient) {
          const torch::NoGradGuard no_grad;
          buckets->Take(i, gradient);
        });
  }
}

GradientAverager::~GradientAverager() {
  for (auto& parameter : buckets_->parameters) parameter.tensor.remove_hook(parameter.hook);
}

void GradientAverager::Backward(const torch::Tensor& loss, double share) {
  auto& own = *buckets_;
  own.link.RequireContact();
  const torch::Tensor scaled = loss * share;
  own.Begin(scaled);
  try {
    scaled.backward();
  } catch (...) {
    own.running = false;
    throw;
  }
  own.running = false;
  // A function on the way may have handed on no gradient.
  own.SendFront(/*complete_only=*/false);

  std::vector<std::int32_t> reached;
  for (const auto& parameter : own.parameters) reached.push_back(parameter.reached);
  auto reached_anywhere = torch::tensor(reached, torch::kInt32);
  communicator_.Sum(reached_anywhere);
  for (const auto& work : own.works) own.link.Await(*work);
  const auto* processes = reached_anywhere.data_ptr<std::int32_t>();
  for (auto& parameter : own.parameters) {
    if (*processes++ > 0) parameter.tensor.mutable_grad() = own.View(parameter);
  }
}

}  // namespace hepar
