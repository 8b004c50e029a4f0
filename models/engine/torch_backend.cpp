// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_backend.h"

#include <torch/types.h>

#include <utility>

#include "models/engine/captured_pass.h"
#include "models/error.h"
#include "models/log.h"
#include "models/nets/picture_tensor.h"
#include "models/nets/tensor_values.h"

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

// The network's two passes over one picture, captured as graphs where possible.
class Passes {
 public:
  // `example`: a picture of the shape, type and device of those to come.
  Passes(SeverityNet net, const torch::Tensor& example) : net_(std::move(net)) {
    if (!example.is_cuda()) return;
    const c10::InferenceMode inference;
    const auto decouple = [this](const torch::Tensor& picture) {
      const Decoupled d = net_->Decouple(picture);
      return std::vector<torch::Tensor>{d.planes, d.specific, d.auxiliary_logits, d.common,
                                        d.reconstruction};
    };
    // Undefined tensors stand for absent decouplers; a capture needs real ones.
    if (net_->ic1 && net_->ic2) {
      decouple_ = Capture("decoupling", decouple, example);
    } else {
      Log(LogLevel::kInfo, "decoupling runs operator by operator: a decoupler is absent");
    }
    const auto classify = [this](const torch::Tensor& concatenated) {
      return std::vector<torch::Tensor>{net_->Classify(concatenated)};
    };
    classify_ =
        Capture("classification", classify, SeverityNetImpl::Concatenate(net_->Decouple(example)));
  }

  Passes(const Passes&) = delete;  // The captured passes refer to it.
  Passes& operator=(const Passes&) = delete;

  Decoupled Decouple(const torch::Tensor& picture) {
    if (!decouple_) return net_->Decouple(picture);
    const auto results = (*decouple_)(picture);
    return {results[0], results[1], results[2], results[3], results[4]};
  }

  torch::Tensor Classify(const Decoupled& decoupled) {
    const auto concatenated = SeverityNetImpl::Concatenate(decoupled);
    return classify_ ? (*classify_)(concatenated)[0] : net_->Classify(concatenated);
  }

 private:
  SeverityNet net_;
  std::unique_ptr<CapturedPass> decouple_, classify_;  // Null: operator by operator.
};

class TorchFrame : public BackendFrame {
 public:
  TorchFrame(Passes& passes, torch::Tensor picture)
      : passes_(passes), picture_(std::move(picture)) {}

  void Decouple() override {
    const c10::InferenceMode inference;
    Take(passes_.Decouple(picture_));
  }

  const torch::Tensor& picture() const { return picture_; }
  void Take(Decoupled tensors) {
    tensors_ = std::move(tensors);
    picture_ = torch::Tensor();
  }

  std::vector<float> Classify() override {
    const c10::InferenceMode inference;
    return ValuesOf(passes_.Classify(tensors_)[0]);
  }

  GrayPicture View(FeatureView view) const override {
    const c10::InferenceMode inference;
    const torch::Tensor& source = view == FeatureView::kSpecific ? tensors_.specific
                                  : view == FeatureView::kCommon ? tensors_.common
                                                                 : tensors_.reconstruction;
    const auto gray = source[0].to(torch::kFloat32).mean(0);
    const auto bytes = (gray * 255.0 + 0.5).clamp(0, 255).to(torch::kUInt8).cpu().contiguous();
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
  Passes& passes_;
  torch::Tensor picture_;  // Released after decoupling.
  Decoupled tensors_;
};

// `net` on the device, ready for inference.
SeverityNet Ready(SeverityNet net, const torch::Device& device, torch::ScalarType type) {
  net->to(device, type);
  net->eval();
  for (auto& parameter : net->parameters()) {
    parameter.set_requires_grad(false);
    // Convolutions then return channels-last maps, which saves reordering each map.
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
    }
  }
  return net;
}

class TorchBackend : public Backend {
 public:
  TorchBackend(SeverityNet net, const std::string& device, Precision precision,
               const PreprocessOptions& input)
      : device_(device),
        type_(ScalarTypeOf(precision)),
        input_size_(input.size),
        net_(Ready(std::move(net), device_, type_)),
        passes_(net_, torch::zeros({1, input.channels, input.size, input.size},
                                   torch::TensorOptions(device_).dtype(type_))) {}

  std::string name() const override { return "libtorch"; }

  // One picture does not use a whole GPU, but it does use a CPU thread.
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
    return std::make_unique<TorchFrame>(passes_,
                                        PictureToTensor(picture).unsqueeze(0).to(device_, type_));
  }

 private:
  torch::Device device_;
  torch::ScalarType type_;
  int input_size_;
  // Forward passes in evaluation mode only read the module, so threads share it without a lock.
  SeverityNet net_;
  mutable Passes passes_;
};

}  // namespace

std::unique_ptr<Backend> MakeTorchBackend(SeverityNet net, const std::string& device,
                                          Precision precision, const PreprocessOptions& input) {
  return std::make_unique<TorchBackend>(std::move(net), device, precision, input);
}

}  // namespace hepar
