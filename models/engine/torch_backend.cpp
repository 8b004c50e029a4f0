// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_backend.h"

#include <torch/torch.h>

#include <utility>

#include "models/error.h"
#include "models/graph/folding.h"
#include "models/nets/picture_tensor.h"

namespace hepar {
namespace {

torch::ScalarType ScalarTypeOf(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return torch::kBFloat16;
    case Precision::kFp16:
      return torch::kHalf;
    case Precision::kFp32:
      break;
  }
  return torch::kFloat32;
}

// Part i of a batch.
Decoupled PartOf(const Decoupled& batch, int64_t i) {
  const auto part = [i](const torch::Tensor& whole) {
    return whole.defined() ? whole.narrow(0, i, 1) : whole;
  };
  return {part(batch.planes), part(batch.specific), part(batch.auxiliary_logits),
          part(batch.common), part(batch.reconstruction)};
}

class TorchFrame : public BackendFrame {
 public:
  TorchFrame(SeverityNet net, torch::Tensor picture)
      : net_(std::move(net)), picture_(std::move(picture)) {}

  void Decouple() override {
    const c10::InferenceMode inference;
    Take(net_->Decouple(picture_));
  }

  const torch::Tensor& picture() const { return picture_; }
  void Take(Decoupled tensors) {
    tensors_ = std::move(tensors);
    picture_ = torch::Tensor();
  }

  std::vector<float> Classify() override {
    const c10::InferenceMode inference;
    return ValuesOf(net_->Classify(SeverityNetImpl::Concatenate(tensors_))[0]);
  }

  GrayPicture View(FeatureView view) const override {
    const c10::InferenceMode inference;
    const torch::Tensor& source = view == FeatureView::kSpecific ? tensors_.specific
                                  : view == FeatureView::kCommon ? tensors_.common
                                                                 : tensors_.reconstruction;
    const auto grey = source[0].to(torch::kFloat32).mean(0);
    const auto bytes = (grey * 255.0 + 0.5).clamp(0, 255).to(torch::kUInt8).cpu().contiguous();
    GrayPicture picture;
    picture.size = static_cast<int>(bytes.size(1));
    picture.pixels.assign(bytes.data_ptr<std::uint8_t>(),
                          bytes.data_ptr<std::uint8_t>() + bytes.numel());
    return picture;
  }

  double ReconstructionError() const override {
    const c10::InferenceMode inference;
    return (tensors_.planes.to(torch::kFloat32) - tensors_.reconstruction.to(torch::kFloat32))
        .abs()
        .mean()
        .item<double>();
  }

  std::vector<float> Planes() const override {
    const c10::InferenceMode inference;
    return ValuesOf(tensors_.planes);
  }

 private:
  SeverityNet net_;
  torch::Tensor picture_;  // Released when the planes that were made of it are there.
  Decoupled tensors_;
};

class TorchBackend : public Backend {
 public:
  TorchBackend(SeverityNet net, const std::string& device, Precision precision, int input_size)
      : net_(std::move(net)),
        device_(device),
        type_(ScalarTypeOf(precision)),
        input_size_(input_size) {
    net_->to(device_, type_);
    net_->eval();
    for (auto& parameter : net_->parameters()) {
      parameter.set_requires_grad(false);
      // Convolutions then give channels last, which saves rearranging every map.
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
      }
    }
  }

  std::string name() const override { return "libtorch"; }

  // A GPU has room for several pictures at a time; on the CPU one fills it.
  bool gains_by_batches() const override { return device_.is_cuda(); }

  std::vector<std::vector<float>> DecoupleAndClassify(
      const std::vector<BackendFrame*>& frames) const override {
    const c10::InferenceMode inference;
    std::vector<torch::Tensor> pictures;
    for (BackendFrame* frame : frames) {
      pictures.push_back(static_cast<TorchFrame*>(frame)->picture());
    }
    SeverityNet net = net_;
    const Decoupled batch = net->Decouple(torch::cat(pictures));
    const auto logits = net->Classify(SeverityNetImpl::Concatenate(batch)).cpu();
    std::vector<std::vector<float>> values;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i);
      static_cast<TorchFrame*>(frames[i])->Take(PartOf(batch, index));
      values.push_back(ValuesOf(logits[index]));
    }
    return values;
  }

  std::unique_ptr<BackendFrame> Prepare(const cv::Mat& picture) const override {
    CheckPictureSize(picture, input_size_);
    const c10::InferenceMode inference;
    return std::make_unique<TorchFrame>(net_,
                                        PictureToTensor(picture).unsqueeze(0).to(device_, type_));
  }

 private:
  // Forward passes in evaluation mode only read the module, so threads share it without a lock.
  SeverityNet net_;
  torch::Device device_;
  torch::ScalarType type_;
  int input_size_;
};

}  // namespace

std::unique_ptr<Backend> MakeTorchBackend(SeverityNet net, const std::string& device,
                                          Precision precision, int input_size) {
  return std::make_unique<TorchBackend>(std::move(net), device, precision, input_size);
}

}  // namespace hepar
