// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/bundle/model_spec.h"
#include "models/engine/feature_view.h"
#include "models/engine/precision.h"
#include "models/error.h"
#include "models/image/preprocess.h"
#include "models/permission.h"
#include "models/saliency/saliency_map.h"

namespace hepar {

struct EngineConfig {
  std::string model;            // A .hepar bundle: its path or the name of an installed one.
  std::string device = "auto";  // See ResolveDevice().
  Precision precision = Precision::kFp32;
  ModelPermission permission;
};

// The classifier's result for one frame.
struct Severity {
  std::vector<float> logits;  // One for each class: the network's output.
  // Softmax of logits / temperature, pooled with equal probabilities where the scanner is
  // unfamiliar (models/decision/doubt.h); sum 1.
  std::vector<float> probabilities;
  int grade = 0;           // Index of the largest probability (0 normal .. 3 severe).
  float confidence = 0.f;  // That probability.
  float trust = 0.f;       // 1 - entropy / ln K, in [0,1]: 0 when all classes are equally likely.
  // Out-of-domain score, DomainModel::Score(). Above the bundle's out_of_domain_above the picture
  // is not a liver view. Empty where the model has no domain model.
  std::optional<double> domain_score;
  // Distance from the pictures of the model's own scanners. Above Familiarity::unfamiliar_above the
  // picture is of another scanner or setting. Empty where the model has no such score.
  std::optional<double> familiarity_score;
  double inference_ms = 0.0;  // Wall time of decoupling and classification of this frame.
};

class FrameInference;

// A model that is ready to run on one device at one precision: prepare, decouple, classify.
//
// Immutable after Open(); any number of threads may use one engine at the same time. Exceptions are
// Error with LibTorch's message in one line.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Loads the bundle, moves it to the device and checks it by a dry run. Callers in one process
  // with the same file content, device and precision share an engine as long as one of them holds
  // it. Throws Error: kNotFound, kUnreadable, kDamaged, kMismatch (bundle), kUnsupported (device,
  // precision), kInvalid (arguments).
  static std::shared_ptr<const Engine> Open(const EngineConfig& config);

  ~Engine();

  const ModelSpec& spec() const;
  const std::string& device() const;  // The device in use: "cpu" or "cuda:N".
  Precision precision() const;
  // The backend in use: the CPU engine with its kernels ("cpu avx512", "cpu avx2", "cpu portable",
  // "cpu avx512 bf16"), or "libtorch". On CUDA "libtorch, captured graphs", or "libtorch, operator
  // by operator" and in parentheses why nothing could be captured.
  std::string backend() const;

  // Whether the device failed in a way that only a new process can mend, such as an illegal memory
  // access or a GPU that is gone. Every frame fails from then on.
  bool device_lost() const;

  // Runs the whole graph on a blank frame `passes` times on the calling thread. The first pass
  // allocates memory, and LibTorch's first two passes on a thread are many times slower than the
  // following ones.
  void WarmUp(int passes = 2) const;

  // Prepares one frame: preprocesses it to the network's input and computes its out-of-domain
  // score. The networks run when their results are first requested. The frame may be unmapped
  // afterwards. `preprocessor` belongs to the caller's stream and must have been constructed with
  // spec().preprocess.
  std::shared_ptr<FrameInference> Prepare(Preprocessor& preprocessor, const FrameView& frame) const;

  // The same for a picture that is already preprocessed (training's cache, tests), whose pixels the
  // result shares. Throws Error(kMismatch) for a size other than that of spec().preprocess.
  std::shared_ptr<FrameInference> Prepare(const PreparedImage& image) const;

  // Whether several frames are faster together than one by one: on CUDA. The CPU engine runs frame
  // by frame at the same speed, so its results do not depend on the batch.
  bool gains_by_batches() const;

  // Classify() for several different frames of this engine, on the calling thread: in one pass
  // where that is faster. Returns the error of each frame, if any, in their order.
  std::vector<std::optional<Error>> ClassifyTogether(
      const std::vector<FrameInference*>& frames) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  void RunAsBatch(const std::vector<FrameInference*>& frames) const;

  std::unique_ptr<Impl> impl_;
};

// The inference of one frame. Each stage runs once, when its result is first requested; its tensors
// stay on the engine's device. Thread-safe: concurrent callers wait for the one that computes.
// Keeps its engine alive.
class FrameInference {
 public:
  ~FrameInference();

  const Engine& engine() const;
  const cv::Rect& bounds() const;  // The part of the frame that the network receives.
  int frame_width() const;
  int frame_height() const;

  // Severity::domain_score. It needs no network and is available at once.
  const std::optional<double>& domain_score() const;
  const std::optional<double>& familiarity_score() const;  // Likewise.

  // Runs the two decouplers (IC1, IC2) unless they already ran.
  void Decouple();

  // Runs the remaining stages and returns the classifier's result, which is valid as long as this.
  const Severity& Classify();

  // Announces that Saliency() will be called. Before the first stage this makes it cheaper: the
  // stages then run as a forward pass whose maps are kept for the backward pass. Their results stay
  // the same.
  void RequestSaliency();

  // The map of where the answer comes from, which is valid as long as this. Classifies where that
  // is needed, and takes one backward pass, when first called; other threads may use the results of
  // the stages meanwhile. Throws Error(kUnsupported), with the cause, for a model without gradient:
  // one whose classifier has no lowering, or that takes CIE L*.
  const SaliencyMap& Saliency();

  bool decoupled() const;
  bool classified() const;
  bool explained() const;  // Whether Saliency() returns at once.

  bool has(FeatureView view) const;  // Whether the model has the decoupler for this view.

  // A copy of one view. Runs Decouple() when needed. Throws Error(kUnsupported) unless the model
  // has it.
  GrayPicture View(FeatureView view);

  // Mean absolute difference between the selected planes and IC2's reconstruction, in [0,1]. Throws
  // Error(kUnsupported) for a model without IC2.
  double ReconstructionError();

  // The selected planes Y_c that the decouplers and the classifier receive, without Feat1 and Feat2
  // (see View()): PlaneCount(planes) x size x size float32 in [0,1], row-major, copied from the
  // device. Runs Decouple() when needed.
  std::vector<float> Planes();

  struct Impl;
  explicit FrameInference(std::unique_ptr<Impl> impl);

 private:
  friend class Engine;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
