// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_backend.h"

#include <mutex>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/engine/pass_runner.h"
#include "models/engine/torch_graph.h"
#include "models/error.h"
#include "models/log.h"
#include "models/nets/tensor_values.h"

namespace hepar {
namespace {

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// The maps of a result, next to each other in a tensor (B, K, H, W): x_c, which is Feat1, Feat2 and
// Y_c, and the reconstruction. A captured graph then hands over one tensor.
struct MapPlaces {
  explicit MapPlaces(const Graph& graph) {
    const auto place = [this, &graph](int id, int* begin, int* count) {
      *begin = all;
      if (id != Graph::kNoValue) *count = graph.values[id].channels;
      all += *count;
    };
    place(graph.specific, &specific, &feature_count);
    int of_common = 0;
    place(graph.common, &common, &of_common);
    if (of_common != 0) feature_count = of_common;
    place(graph.planes, &planes, &plane_count);
    classifier_count = all;
    int of_reconstruction = 0;
    place(graph.reconstruction, &reconstruction, &of_reconstruction);
  }

  int specific = 0, common = 0, planes = 0, reconstruction = 0;  // The first channel of each.
  int feature_count = 0, plane_count = 0, classifier_count = 0, all = 0;
};

torch::Tensor Pack(const TorchGraph::Results& results) {
  std::vector<torch::Tensor> parts;
  for (const auto& part :
       {results.specific, results.common, results.planes, results.reconstruction}) {
    if (part.defined()) parts.push_back(part);
  }
  return at::cat(parts, 1);
}

// The memory of a channels-last tensor is that of the picture: pixel by pixel.
torch::Tensor ToHostTensor(const cv::Mat& picture, bool pinned) {
  auto tensor = at::empty({1, picture.channels(), picture.rows, picture.cols},
                          torch::TensorOptions(torch::kFloat32).pinned_memory(pinned),
                          at::MemoryFormat::ChannelsLast);
  picture.copyTo(cv::Mat(picture.rows, picture.cols, picture.type(), tensor.data_ptr<float>()));
  return tensor;
}

class TorchBackend;

class TorchFrame : public BackendFrame {
 public:
  TorchFrame(const TorchBackend& backend, torch::Tensor picture)
      : backend_(backend), picture_(std::move(picture)) {}

  void Decouple() override;
  std::vector<float> Classify() override;
  GrayPicture View(FeatureView view) const override;
  double ReconstructionError() const override;
  std::vector<float> Planes() const override;
  std::vector<float> PictureGradient(const std::vector<float>& by_logits) override;

  const torch::Tensor& picture() const { return picture_; }
  void Take(torch::Tensor maps, torch::Tensor logits) {
    maps_ = std::move(maps);
    logits_ = std::move(logits);
  }

 private:
  torch::Tensor Part(int first, int count) const {
    return maps_.narrow(1, first, count).to(torch::kFloat32);
  }

  const TorchBackend& backend_;
  torch::Tensor picture_;  // In host memory.
  torch::Tensor maps_;     // (1, K, H, W), on the device.
  torch::Tensor logits_;   // (classes), in host memory; undefined: `classifier` runs on demand.
};

class TorchBackend : public Backend {
 public:
  TorchBackend(const Graph& graph, TorchClassifier classifier, const torch::Device& device,
               Precision precision, int max_batch)
      : device_(device),
        type_(ScalarTypeOf(precision)),
        picture_(graph.values[0]),
        places_(graph),
        classifier_(std::move(classifier)),
        graph_has_classifier_(graph.has_classifier()),
        is_captured_classifier_(!graph.has_classifier() && classifier_.can_be_captured),
        graph_(graph, device, type_) {
    Pass pass;
    pass.device = device;
    pass.make_input = [this](std::int64_t batch) { return graph_.InputFor(batch); };
    pass.run = [this](const torch::Tensor& pictures) {
      const TorchGraph::Results results = graph_.Run(pictures);
      PassResults packed = {Pack(results), results.logits};
      if (is_captured_classifier_) packed.logits = classifier_.run(ClassifierInput(packed.maps));
      return packed;
    };
    std::string reason;
    if (device.is_cuda()) runner_ = CapturePass(pass, max_batch, &reason);
    if (runner_ == nullptr) {
      runner_ = MakeEagerRunner(pass);
      if (device.is_cuda()) {
        note_ = ", operator by operator (" + reason + ")";
        Log(LogLevel::kWarning,
            "no CUDA graph could be captured, so the model runs operator by "
            "operator, which is slower: " +
                reason);
      }
    } else {
      note_ = ", captured graphs";
    }
    if (device.is_cuda()) {
      Log(LogLevel::kInfo, std::to_string(graph_.fused_convolutions()) +
                               " convolutions are fused with bias and activation");
    }
  }

  // Runs what uses the device for `batch` pictures, and explains its errors.
  template <typename Function>
  auto WithDevice(std::size_t batch, const Function& run) const {
    {
      const std::lock_guard<std::mutex> lock(loss_mutex_);
      if (loss_) throw *loss_;
    }
    try {
      return run();
    } catch (const c10::OutOfMemoryError&) {
      throw Error(ErrorKind::kFailed,
                  "the memory of " + device_.str() + " is exhausted by a batch of " +
                      std::to_string(batch) + (batch == 1 ? " picture" : " pictures") +
                      (batch > 1 ? "; set a batch of at most " + std::to_string(batch / 2)
                                 : "; free memory on the device or choose precision fp16"));
    } catch (const c10::Error& error) {
      const std::string cause = FirstLine(error.what_without_backtrace());
      // CUDA answers every later call with the error of a failed kernel or a device that is gone.
      if (cause.find("CUDA error") == std::string::npos) throw;
      const std::lock_guard<std::mutex> lock(loss_mutex_);
      if (!loss_) {
        loss_ =
            Error(ErrorKind::kFailed, "the device " + device_.str() +
                                          " is lost until the program is started again: " + cause);
      }
      throw *loss_;
    }
  }

  std::string name() const override { return "libtorch" + note_; }

  bool lost() const override {
    const std::lock_guard<std::mutex> lock(loss_mutex_);
    return loss_.has_value();
  }

  // One picture does not use a whole GPU, but it does use a CPU thread.
  bool gains_by_batches() const override { return device_.is_cuda(); }

  std::vector<std::vector<float>> DecoupleAndClassify(
      const std::vector<BackendFrame*>& frames) const override {
    std::vector<TorchFrame*> ours;
    ours.reserve(frames.size());
    for (BackendFrame* frame : frames) ours.push_back(static_cast<TorchFrame*>(frame));
    RunTogether(ours, /*classify=*/true);
    std::vector<std::vector<float>> logits;
    logits.reserve(ours.size());
    for (TorchFrame* frame : ours) logits.push_back(frame->Classify());
    return logits;
  }

  std::unique_ptr<BackendFrame> Prepare(const cv::Mat& picture) const override {
    CheckPictureSize(picture, picture_.width);
    if (picture.channels() != picture_.channels || picture.depth() != CV_32F) {
      throw Error(ErrorKind::kMismatch, "expected a float picture of " +
                                            std::to_string(picture_.channels) + " channels, got " +
                                            std::to_string(picture.channels()));
    }
    return WithDevice(1, [&] {
      const c10::InferenceMode inference;
      return std::make_unique<TorchFrame>(*this, ToHostTensor(picture, device_.is_cuda()));
    });
  }

  // Leaves the frames as they are where it throws. `classify`: also where that takes another pass.
  void RunTogether(const std::vector<TorchFrame*>& frames, bool classify) const {
    const c10::InferenceMode inference;
    std::vector<torch::Tensor> pictures;
    pictures.reserve(frames.size());
    for (const TorchFrame* frame : frames) pictures.push_back(frame->picture());
    PassResults results = WithDevice(frames.size(), [&] { return runner_->Run(pictures); });
    if (classify && !results.logits.defined()) results.logits = RunClassifier(results.maps);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i);
      frames[i]->Take(results.maps.narrow(0, index, 1),
                      results.logits.defined() ? results.logits[index] : torch::Tensor());
    }
  }

  // For a classifier that is no part of the pass. In host memory.
  torch::Tensor RunClassifier(const torch::Tensor& maps) const {
    return WithDevice(static_cast<std::size_t>(maps.size(0)), [&] {
      const c10::InferenceMode inference;
      return classifier_.run(ClassifierInput(maps)).to(torch::kFloat32).cpu();
    });
  }

  std::vector<float> PictureGradient(const torch::Tensor& picture,
                                     const std::vector<float>& by_logits) const {
    if (graph_has_classifier_) {
      return WithDevice(1, [&] {
        const auto given = torch::from_blob(const_cast<float*>(by_logits.data()),
                                            {1, static_cast<std::int64_t>(by_logits.size())})
                               .to(device_);
        return ValuesOf(graph_.PictureGradient(picture.to(device_), given));
      });
    }
    throw Error(ErrorKind::kUnsupported, "the classifier has no lowering");
  }

  const MapPlaces& places() const { return places_; }

 private:
  torch::Tensor ClassifierInput(const torch::Tensor& maps) const {
    return maps.narrow(1, 0, places_.classifier_count);
  }

  const torch::Device device_;
  const torch::ScalarType type_;
  const Shape picture_;
  const MapPlaces places_;
  const TorchClassifier classifier_;
  const bool graph_has_classifier_, is_captured_classifier_;
  const TorchGraph graph_;
  std::unique_ptr<PassRunner> runner_;
  std::string note_;  // What really runs on CUDA, and why.

  mutable std::mutex loss_mutex_;
  mutable std::optional<Error> loss_;
};

void TorchFrame::Decouple() { backend_.RunTogether({this}, /*classify=*/false); }

std::vector<float> TorchFrame::Classify() {
  if (!logits_.defined()) logits_ = backend_.RunClassifier(maps_)[0];
  return ValuesOf(logits_);
}

GrayPicture TorchFrame::View(FeatureView view) const {
  const c10::InferenceMode inference;
  const MapPlaces& places = backend_.places();
  const bool reconstruction = view == FeatureView::kReconstruction;
  const int first = reconstruction                   ? places.reconstruction
                    : view == FeatureView::kSpecific ? places.specific
                                                     : places.common;
  return backend_.WithDevice(1, [&] {
    const auto gray =
        Part(first, reconstruction ? places.plane_count : places.feature_count)[0].mean(0);
    const auto bytes = (gray * 255.0 + 0.5).clamp(0, 255).to(torch::kUInt8).cpu().contiguous();
    GrayPicture picture;
    picture.size = static_cast<int>(bytes.size(1));
    picture.pixels.assign(bytes.data_ptr<std::uint8_t>(),
                          bytes.data_ptr<std::uint8_t>() + bytes.numel());
    return picture;
  });
}

double TorchFrame::ReconstructionError() const {
  const c10::InferenceMode inference;
  const MapPlaces& places = backend_.places();
  return backend_.WithDevice(1, [&] {
    return (Part(places.planes, places.plane_count) -
            Part(places.reconstruction, places.plane_count))
        .abs()
        .mean()
        .item<double>();
  });
}

std::vector<float> TorchFrame::PictureGradient(const std::vector<float>& by_logits) {
  return backend_.PictureGradient(picture_, by_logits);
}

std::vector<float> TorchFrame::Planes() const {
  const c10::InferenceMode inference;
  const MapPlaces& places = backend_.places();
  return backend_.WithDevice(1, [&] { return ValuesOf(Part(places.planes, places.plane_count)); });
}

}  // namespace

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

std::unique_ptr<Backend> MakeTorchBackend(const Graph& graph, const TorchClassifier& classifier,
                                          const torch::Device& device, Precision precision,
                                          int max_batch) {
  try {
    return std::make_unique<TorchBackend>(graph, classifier, device, precision, max_batch);
  } catch (const c10::OutOfMemoryError&) {
    throw Error(ErrorKind::kUnsupported,
                "the memory of " + device.str() +
                    " is too small for the model; free memory there, or choose precision fp16 or "
                    "device cpu");
  }
}

}  // namespace hepar
