// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/frozen_net.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/gradient_plan.h"
#include "models/error.h"
#include "models/graph/gradient_graph.h"
#include "models/log.h"

namespace hepar {
namespace {

using cpu::Floats;
using cpu::GradientPlan;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Memory of passes, by size: large, and needed again at once. Thread-safe.
class MemoryPool {
 public:
  Floats Take(std::size_t floats) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      auto& free = free_[floats];
      if (!free.empty()) {
        Floats memory = std::move(free.back());
        free.pop_back();
        return memory;
      }
    }
    return cpu::AllocateFloats(floats);
  }
  void Return(std::size_t floats, Floats memory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_[floats].push_back(std::move(memory));
  }

 private:
  std::mutex mutex_;
  std::map<std::size_t, std::vector<Floats>> free_;
};

// A gradient graph of the net for pictures of one size.
struct Prepared {
  Prepared(const GradientGraph& graph, GradientScope graph_scope, const cpu::Kernels& kernels,
           std::shared_ptr<MemoryPool> memory)
      : plan(graph, kernels), scope(graph_scope), pool(std::move(memory)) {
    const Graph& forward = graph.forward;
    const auto shape_of = [&](int value) {
      return value == Graph::kNoValue ? Shape{} : forward.values[value];
    };
    picture = forward.values[0];
    specific = shape_of(forward.specific);
    common = shape_of(forward.common);
    classes = forward.values[forward.logits].channels;
    if (IsLogged(LogLevel::kDebug)) Log(LogLevel::kDebug, plan.ToText());
  }

  const GradientPlan plan;
  const GradientScope scope;
  const std::shared_ptr<MemoryPool> pool;
  Shape picture, specific, common;  // Of no number: there is no such value.
  int classes = 0;
};

// The memory of one picture, from its forward to its backward pass.
class PicturePass {
 public:
  explicit PicturePass(std::shared_ptr<const Prepared> prepared)
      : prepared_(std::move(prepared)),
        frame_(pool().Take(plan().frame().count)),
        workspace_(plan().MakeWorkspace(pool().Take(plan().workspace_floats()))) {}
  ~PicturePass() {
    if (!workspace_) return;
    pool().Return(plan().workspace_floats(), GradientPlan::Release(workspace_.get()));
    pool().Return(plan().frame().count, std::move(frame_));
  }
  PicturePass(PicturePass&&) = default;

  // Null: not given.
  void Forward(const float* picture, const float* specific, const float* common) {
    const auto put = [this](const float* from, std::size_t count, std::size_t offset) {
      if (from != nullptr) std::copy_n(from, count, frame_.get() + offset);
    };
    put(picture, prepared_->picture.count(), plan().frame().picture);
    put(specific, prepared_->specific.count(), plan().frame().specific);
    put(common, prepared_->common.count(), plan().frame().common);
    plan().Forward(workspace_.get(), frame_.get());
  }
  void Backward(const GradientPlan::Gradients& given, float* picture) {
    plan().Backward(workspace_.get(), frame_.get(), given, picture);
  }
  const float* at(std::size_t offset) const { return frame_.get() + offset; }

 private:
  const GradientPlan& plan() const { return prepared_->plan; }
  MemoryPool& pool() const { return *prepared_->pool; }

  std::shared_ptr<const Prepared> prepared_;
  Floats frame_;
  std::shared_ptr<GradientPlan::Workspace> workspace_;
};

torch::Tensor NewMaps(std::int64_t batch, const Shape& shape) {
  return torch::empty({batch, shape.channels, shape.height, shape.width});
}

// The values of a picture in a contiguous tensor; null for an undefined one.
const float* Picture(const torch::Tensor& batch, std::int64_t index) {
  if (!batch.defined()) return nullptr;
  return batch.data_ptr<float>() + index * (batch.numel() / batch.size(0));
}

// The tensors of a batch, contiguous. Features that are held are inputs, others results.
struct BatchMaps {
  torch::Tensor logits, specific, common;
};

struct Held {
  torch::Tensor specific, common;
};

// Runs the forward pass of all pictures. `passes`, where given, gets what their backward passes
// need.
BatchMaps RunForward(const std::shared_ptr<const Prepared>& prepared, const torch::Tensor& pictures,
                     const Held* held, std::vector<PicturePass>* passes) {
  const torch::NoGradGuard no_grad;
  const auto x = pictures.detach().contiguous();
  const auto batch = x.size(0);
  BatchMaps maps;
  maps.logits = torch::empty({batch, prepared->classes});
  Held given;
  if (held != nullptr) {
    if (held->specific.defined()) given.specific = held->specific.detach().contiguous();
    if (held->common.defined()) given.common = held->common.detach().contiguous();
  } else if (prepared->scope == GradientScope::kFeatures) {
    if (prepared->specific.count() > 0) maps.specific = NewMaps(batch, prepared->specific);
    if (prepared->common.count() > 0) maps.common = NewMaps(batch, prepared->common);
  }
  std::vector<std::optional<PicturePass>> kept(passes != nullptr ? batch : 0);
  at::parallel_for(0, batch, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      PicturePass pass(prepared);
      pass.Forward(Picture(x, i), Picture(given.specific, i), Picture(given.common, i));
      const cpu::FrameLayout& frame = prepared->plan.frame();
      const auto get = [&](std::size_t offset, const torch::Tensor& to) {
        if (!to.defined()) return;
        const auto count = static_cast<std::size_t>(to.numel() / batch);
        std::copy_n(pass.at(offset), count, to.data_ptr<float>() + i * count);
      };
      get(frame.logits, maps.logits);
      get(frame.specific, maps.specific);
      get(frame.common, maps.common);
      if (passes != nullptr) kept[i].emplace(std::move(pass));
    }
  });
  for (auto& pass : kept) passes->push_back(std::move(*pass));
  return maps;
}

// What autograd keeps for the backward pass.
struct Passes : torch::CustomClassHolder {
  std::shared_ptr<const Prepared> prepared;
  std::vector<PicturePass> of_pictures;
};

// Logits, and with kFeatures Feat1 and Feat2 where there are such.
struct EngineFunction : torch::autograd::Function<EngineFunction> {
  static variable_list forward(AutogradContext* context, const torch::Tensor& pictures,
                               std::shared_ptr<const Prepared> prepared, const Held* held,
                               BatchMaps* maps) {
    auto passes = c10::make_intrusive<Passes>();
    passes->prepared = prepared;
    *maps = RunForward(prepared, pictures, held, &passes->of_pictures);
    context->saved_data["passes"] = c10::IValue::make_capsule(std::move(passes));
    variable_list results = {maps->logits};
    if (maps->specific.defined()) results.push_back(maps->specific);
    if (maps->common.defined()) results.push_back(maps->common);
    return results;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const torch::NoGradGuard no_grad;
    const auto capsule = context->saved_data["passes"].toCapsule();
    auto& passes = static_cast<Passes&>(*capsule);
    const Prepared& prepared = *passes.prepared;
    const auto batch = static_cast<std::int64_t>(passes.of_pictures.size());
    const auto given = [&](std::size_t index, const Shape& shape) {
      return gradients[index].defined()
                 ? gradients[index].contiguous()
                 : torch::zeros({batch, static_cast<std::int64_t>(shape.count())});
    };
    const auto logits = given(0, {prepared.classes, 1, 1});
    torch::Tensor specific, common;
    std::size_t index = 1;
    if (index < gradients.size() && prepared.specific.count() > 0) {
      specific = given(index++, prepared.specific);
    }
    if (index < gradients.size() && prepared.common.count() > 0) {
      common = given(index++, prepared.common);
    }
    const auto picture = NewMaps(batch, prepared.picture);
    at::parallel_for(0, batch, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        passes.of_pictures[i].Backward(
            {Picture(logits, i), Picture(specific, i), Picture(common, i)},
            picture.data_ptr<float>() + i * prepared.picture.count());
      }
    });
    return {picture, {}, {}, {}};
  }
};

}  // namespace

struct FrozenNet::Impl {
  Impl(SeverityNet shared, const cpu::Kernels* chosen) : net(shared), kernels(chosen) {}

  using Key = std::tuple<GradientScope, std::int64_t, std::int64_t, std::int64_t>;

  // Null where LibTorch has to do it.
  std::shared_ptr<const Prepared> For(GradientScope scope, const torch::Tensor& pictures) {
    if (refused || kernels == nullptr || !pictures.is_cpu() || net->is_training() ||
        pictures.scalar_type() != torch::kFloat32 || pictures.dim() != 4 || pictures.size(0) == 0) {
      return nullptr;
    }
    for (const auto& parameter : net->parameters()) {
      if (parameter.scalar_type() != torch::kFloat32 || !parameter.is_cpu()) return nullptr;
    }
    // Without features there is one scope.
    if (!net->ic1 && !net->ic2) scope = GradientScope::kEndToEnd;
    const Key key = {scope, pictures.size(1), pictures.size(2), pictures.size(3)};
    auto& known = prepared[key];
    if (known) return known;
    try {
      Graph graph =
          net->Lower(static_cast<int>(pictures.size(1)), static_cast<int>(pictures.size(2)),
                     static_cast<int>(pictures.size(3)));
      known = std::make_shared<const Prepared>(MakeGradientGraph(std::move(graph), scope), scope,
                                               *kernels, memory);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      refused = true;
      Log(LogLevel::kInfo, "gradients by LibTorch, which is slower than the CPU engine: " +
                               std::string(error.what()));
    }
    return known;
  }

  // Runs the engine; differentiable where the pictures ask for a gradient.
  static BatchMaps Run(const std::shared_ptr<const Prepared>& plan, const torch::Tensor& pictures,
                       const Held* held) {
    if (!torch::GradMode::is_enabled() || !pictures.requires_grad()) {
      return RunForward(plan, pictures, held, nullptr);
    }
    BatchMaps maps;
    const auto results = EngineFunction::apply(pictures, plan, held, &maps);
    maps.logits = results[0];
    std::size_t index = 1;
    if (maps.specific.defined()) maps.specific = results[index++];
    if (maps.common.defined()) maps.common = results[index++];
    return maps;
  }

  SeverityNet net;
  const cpu::Kernels* kernels;
  std::shared_ptr<MemoryPool> memory = std::make_shared<MemoryPool>();
  std::map<Key, std::shared_ptr<const Prepared>> prepared;
  bool refused = false;
};

FrozenNet::FrozenNet(SeverityNet net, Precision precision)
    : impl_(std::make_unique<Impl>(net, precision == Precision::kFp32   ? &cpu::BestKernels()
                                        : precision == Precision::kBf16 ? cpu::Bf16Kernels()
                                                                        : nullptr)) {}
FrozenNet::~FrozenNet() = default;

void FrozenNet::Refresh() { impl_->prepared.clear(); }

bool FrozenNet::RunsOnEngine(const torch::Tensor& pictures) {
  return impl_->For(GradientScope::kEndToEnd, pictures) != nullptr;
}

torch::Tensor FrozenNet::Logits(const torch::Tensor& pictures) {
  const auto plan = impl_->For(GradientScope::kEndToEnd, pictures);
  return plan ? Impl::Run(plan, pictures, nullptr).logits : impl_->net->forward(pictures);
}

FrozenNet::Answer FrozenNet::LogitsAndFeatures(const torch::Tensor& pictures) {
  if (const auto plan = impl_->For(GradientScope::kFeatures, pictures)) {
    auto maps = Impl::Run(plan, pictures, nullptr);
    return {maps.logits, maps.specific, maps.common};
  }
  const Decoupled parts = impl_->net->Decouple(pictures);
  return {impl_->net->Classify(SeverityNetImpl::Concatenate(parts)), parts.specific, parts.common};
}

torch::Tensor FrozenNet::LogitsWith(const torch::Tensor& pictures, const torch::Tensor& specific,
                                    const torch::Tensor& common) {
  if (const auto plan = impl_->For(GradientScope::kHeldFeatures, pictures)) {
    const Held held{specific, common};
    return Impl::Run(plan, pictures, &held).logits;
  }
  Decoupled parts;
  parts.specific = specific;
  parts.common = common;
  return impl_->net->Classify(
      SeverityNetImpl::Concatenate(impl_->net->WithPlanesOf(pictures, parts)));
}

}  // namespace hepar
