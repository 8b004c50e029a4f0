// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <opencv2/core.hpp>
#include <optional>
#include <utility>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/gradient_plan.h"
#include "models/engine/cpu/plan.h"
#include "models/engine/pool.h"
#include "models/error.h"
#include "models/graph/gradient_graph.h"
#include "models/log.h"

namespace hepar {
namespace {

const cpu::Kernels& KernelsFor(Precision precision) {
  if (precision == Precision::kFp32) return cpu::BestKernels();
  const cpu::Kernels* bf16 = precision == Precision::kBf16 ? cpu::Bf16Kernels() : nullptr;
  if (bf16 == nullptr) {
    throw Error(ErrorKind::kUnsupported,
                "this processor has no kernels for " + ToString(precision));
  }
  return *bf16;
}

// The plan for gradients, made when it is first needed: packing takes as long as for the graph
// itself, and most models are never asked. Thread-safe.
class LazyGradientPlan {
 public:
  LazyGradientPlan(Graph graph, const cpu::Kernels& kernels)
      : kernels_(kernels), graph_(std::move(graph)) {}

  // Null where the graph has no gradient.
  const cpu::GradientPlan* get() const {
    std::call_once(made_, [this] {
      try {
        plan_.emplace(
            MakeGradientGraph(std::move(graph_), GradientScope::kEndToEnd, /*keep_results=*/true),
            kernels_);
        if (IsLogged(LogLevel::kDebug)) Log(LogLevel::kDebug, plan_->ToText());
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kUnsupported) throw;
        refusal_ = error;
      }
      graph_ = {};
    });
    return plan_ ? &*plan_ : nullptr;
  }

  // Throws the Error that says why there is none.
  const cpu::GradientPlan& Require() const {
    const cpu::GradientPlan* plan = get();
    if (plan == nullptr) throw *refusal_;
    return *plan;
  }

 private:
  const cpu::Kernels& kernels_;
  mutable std::once_flag made_;
  mutable Graph graph_;
  mutable std::optional<cpu::GradientPlan> plan_;
  mutable std::optional<Error> refusal_;
};

struct Shared {
  Shared(Graph graph, const cpu::Kernels& chosen, Precision precision, ClassifyFunction function)
      : kernels(chosen),
        plan(graph, chosen),
        // A bf16 map is rounded where a residual is added to it, which the pass for gradients does
        // elsewhere: whether a frame is explained must not change its grade.
        shares_gradient_pass(precision == Precision::kFp32),
        classify(std::move(function)),
        picture(graph.values[0]),
        planes(graph.values[graph.planes]),
        feature_channels(graph.specific != Graph::kNoValue ? graph.values[graph.specific].channels
                         : graph.common != Graph::kNoValue ? graph.values[graph.common].channels
                                                           : 0),
        classes(graph.has_classifier() ? graph.values[graph.logits].channels : 0),
        gradient(std::move(graph), chosen) {}

  const cpu::Kernels& kernels;
  const cpu::Plan plan;
  const bool shares_gradient_pass;  // The forward pass for gradients has the plan's results.
  const ClassifyFunction classify;
  const Shape picture, planes;
  const int feature_channels;  // Channels of Feat1 and of Feat2, which have the planes' size.
  const int classes;           // 0: `classify` computes the logits.
  const LazyGradientPlan gradient;
  mutable Pool<std::shared_ptr<cpu::Plan::Workspace>> workspaces;
  mutable Pool<cpu::Floats> frames;
  mutable Pool<std::shared_ptr<cpu::GradientPlan::Workspace>> gradient_workspaces;
  mutable Pool<cpu::Floats> gradient_frames;
};

class CpuFrame : public BackendFrame {
 public:
  CpuFrame(const Shared& shared, const cv::Mat& picture)
      : shared_(shared), layout_(&shared.plan.frame()), memory_(shared.frames.Take([&] {
          return cpu::AllocateFloats(shared.plan.frame().count);
        })) {
    const std::size_t pixels = shared.picture.pixels();
    std::vector<cv::Mat> channels;
    for (int c = 0; c < shared.picture.channels; ++c) {
      channels.emplace_back(picture.rows, picture.cols, CV_32FC1,
                            at(layout().picture) + c * pixels);
    }
    cv::split(picture, channels);
  }
  ~CpuFrame() override {
    if (pass_) shared_.gradient_workspaces.Return(std::move(pass_));
    (ran_gradient_pass_ ? shared_.gradient_frames : shared_.frames).Return(std::move(memory_));
  }

  void KeepForGradient() override { keeps_ = shared_.shares_gradient_pass; }

  void Decouple() override {
    const cpu::GradientPlan* gradient = keeps_ ? shared_.gradient.get() : nullptr;
    if (gradient != nullptr) {
      cpu::Floats memory = GradientFrame(*gradient);
      shared_.frames.Return(std::exchange(memory_, std::move(memory)));
      layout_ = &gradient->frame();
      ran_gradient_pass_ = true;
      pass_ = GradientWorkspace(*gradient);
      gradient->Forward(pass_.get(), memory_.get());
      return;
    }
    auto workspace = Workspace();
    shared_.plan.Decouple(workspace.get(), memory_.get());
    shared_.workspaces.Return(std::move(workspace));
  }

  std::vector<float> Classify() override {
    if (shared_.classes == 0) return shared_.classify(at(layout().classifier_input));
    if (!ran_gradient_pass_) {
      auto workspace = Workspace();
      shared_.plan.Classify(workspace.get(), memory_.get());
      shared_.workspaces.Return(std::move(workspace));
    }
    const float* logits = at(layout().logits);
    return {logits, logits + shared_.classes};
  }

  std::vector<float> PictureGradient(const std::vector<float>& by_logits) override {
    const cpu::GradientPlan& plan = shared_.gradient.Require();
    std::vector<float> gradient(shared_.picture.count());
    if (pass_) {
      plan.Backward(pass_.get(), memory_.get(), {by_logits.data()}, gradient.data());
      shared_.gradient_workspaces.Return(std::move(pass_));
      pass_ = nullptr;
      return gradient;
    }
    auto pass = GradientWorkspace(plan);
    cpu::Floats frame = GradientFrame(plan);
    plan.Forward(pass.get(), frame.get());
    plan.Backward(pass.get(), frame.get(), {by_logits.data()}, gradient.data());
    shared_.gradient_workspaces.Return(std::move(pass));
    shared_.gradient_frames.Return(std::move(frame));
    return gradient;
  }

  GrayPicture View(FeatureView view) const override {
    const bool reconstruction = view == FeatureView::kReconstruction;
    Shape shape = shared_.planes;
    if (!reconstruction) shape.channels = shared_.feature_channels;
    const float* map = at(reconstruction                   ? layout().reconstruction
                          : view == FeatureView::kSpecific ? layout().specific
                                                           : layout().common);
    GrayPicture picture;
    picture.size = shape.width;
    picture.pixels.resize(shape.pixels());
    for (std::size_t p = 0; p < shape.pixels(); ++p) {
      float sum = 0.f;
      for (int c = 0; c < shape.channels; ++c) sum += map[c * shape.pixels() + p];
      const float level = sum / static_cast<float>(shape.channels) * 255.f + 0.5f;
      picture.pixels[p] = static_cast<std::uint8_t>(std::clamp(level, 0.f, 255.f));
    }
    return picture;
  }

  double ReconstructionError() const override {
    const float *planes = at(layout().planes), *made = at(layout().reconstruction);
    double sum = 0.0;
    for (std::size_t i = 0; i < shared_.planes.count(); ++i) sum += std::fabs(planes[i] - made[i]);
    return sum / static_cast<double>(shared_.planes.count());
  }

  std::vector<float> Planes() const override {
    const float* planes = at(layout().planes);
    return {planes, planes + shared_.planes.count()};
  }

 private:
  const cpu::FrameLayout& layout() const { return *layout_; }
  float* at(std::size_t offset) const { return memory_.get() + offset; }
  std::shared_ptr<cpu::Plan::Workspace> Workspace() const {
    return shared_.workspaces.Take([this] { return shared_.plan.MakeWorkspace(); });
  }
  // Memory for a pass for gradients, with the picture in it.
  cpu::Floats GradientFrame(const cpu::GradientPlan& plan) const {
    cpu::Floats frame =
        shared_.gradient_frames.Take([&] { return cpu::AllocateFloats(plan.frame().count); });
    std::copy_n(at(layout().picture), shared_.picture.count(), frame.get() + plan.frame().picture);
    return frame;
  }
  std::shared_ptr<cpu::GradientPlan::Workspace> GradientWorkspace(
      const cpu::GradientPlan& plan) const {
    return shared_.gradient_workspaces.Take([&] { return plan.MakeWorkspace(); });
  }

  const Shared& shared_;
  const cpu::FrameLayout* layout_;  // Of memory_.
  cpu::Floats memory_;
  bool keeps_ = false;
  bool ran_gradient_pass_ = false;
  // Of the pass for gradients, from its forward to its backward pass.
  std::shared_ptr<cpu::GradientPlan::Workspace> pass_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(Graph graph, Precision precision, ClassifyFunction classify)
      : shared_(std::move(graph), KernelsFor(precision), precision, std::move(classify)) {
    if (IsLogged(LogLevel::kDebug)) Log(LogLevel::kDebug, shared_.plan.ToText());
  }

  std::string name() const override { return std::string("cpu ") + shared_.kernels.name; }

  std::unique_ptr<BackendFrame> Prepare(const cv::Mat& picture) const override {
    CheckPictureSize(picture, shared_.picture.width);
    if (picture.channels() != shared_.picture.channels || picture.depth() != CV_32F) {
      throw Error(ErrorKind::kMismatch, "expected a float picture of " +
                                            std::to_string(shared_.picture.channels) +
                                            " channels, got " + std::to_string(picture.channels()));
    }
    return std::make_unique<CpuFrame>(shared_, picture);
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend(Graph graph, Precision precision,
                                        ClassifyFunction classify) {
  return std::make_unique<CpuBackend>(std::move(graph), precision, std::move(classify));
}

}  // namespace hepar
