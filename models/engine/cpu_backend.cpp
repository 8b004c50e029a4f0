// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <utility>

#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/plan.h"
#include "models/engine/pool.h"
#include "models/error.h"
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

struct Shared {
  Shared(const Graph& graph, const cpu::Kernels& chosen, ClassifyFunction function)
      : kernels(chosen),
        plan(graph, chosen),
        classify(std::move(function)),
        picture(graph.values[0]),
        planes(graph.values[graph.planes]),
        feature_channels(graph.specific != Graph::kNoValue ? graph.values[graph.specific].channels
                         : graph.common != Graph::kNoValue ? graph.values[graph.common].channels
                                                           : 0),
        classes(graph.has_classifier() ? graph.values[graph.logits].channels : 0) {}

  const cpu::Kernels& kernels;
  const cpu::Plan plan;
  const ClassifyFunction classify;
  const Shape picture, planes;
  const int feature_channels;  // Channels of Feat1 and of Feat2, which have the planes' size.
  const int classes;           // 0: `classify` computes the logits.
  mutable Pool<std::shared_ptr<cpu::Plan::Workspace>> workspaces;
  mutable Pool<cpu::Floats> frames;
};

class CpuFrame : public BackendFrame {
 public:
  CpuFrame(const Shared& shared, const cv::Mat& picture)
      : shared_(shared),
        memory_(
            shared.frames.Take([&] { return cpu::AllocateFloats(shared.plan.frame().count); })) {
    const std::size_t pixels = shared.picture.pixels();
    std::vector<cv::Mat> channels;
    for (int c = 0; c < shared.picture.channels; ++c) {
      channels.emplace_back(picture.rows, picture.cols, CV_32FC1,
                            at(layout().picture) + c * pixels);
    }
    cv::split(picture, channels);
  }
  ~CpuFrame() override { shared_.frames.Return(std::move(memory_)); }

  void Decouple() override {
    auto workspace = Workspace();
    shared_.plan.Decouple(workspace.get(), memory_.get());
    shared_.workspaces.Return(std::move(workspace));
  }

  std::vector<float> Classify() override {
    if (shared_.classes == 0) return shared_.classify(at(layout().classifier_input));
    auto workspace = Workspace();
    shared_.plan.Classify(workspace.get(), memory_.get());
    shared_.workspaces.Return(std::move(workspace));
    const float* logits = at(layout().logits);
    return {logits, logits + shared_.classes};
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
  const cpu::FrameLayout& layout() const { return shared_.plan.frame(); }
  float* at(std::size_t offset) const { return memory_.get() + offset; }
  std::shared_ptr<cpu::Plan::Workspace> Workspace() const {
    return shared_.workspaces.Take([this] { return shared_.plan.MakeWorkspace(); });
  }

  const Shared& shared_;
  cpu::Floats memory_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(const Graph& graph, const cpu::Kernels& kernels, ClassifyFunction classify)
      : shared_(graph, kernels, std::move(classify)) {
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

std::unique_ptr<Backend> MakeCpuBackend(const Graph& graph, Precision precision,
                                        ClassifyFunction classify) {
  return std::make_unique<CpuBackend>(graph, KernelsFor(precision), std::move(classify));
}

}  // namespace hepar
