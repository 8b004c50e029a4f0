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

namespace hepar {

struct EngineConfig {
  std::string model;            // Path of a .hepar bundle.
  std::string device = "auto";  // See ResolveDevice().
  Precision precision = Precision::kFp32;
};

// What the classifier says of one frame.
struct Severity {
  std::vector<float> logits;         // One for each class, as they leave the network.
  std::vector<float> probabilities;  // Softmax of logits / temperature; sum 1.
  int grade = 0;                     // Index of the largest probability (0 normal .. 3 severe).
  float confidence = 0.f;            // That probability.
  float trust = 0.f;  // 1 - entropy / ln K, in [0,1]: 0 when every class is as likely.
  // How unlike the model's own pictures this one is, by DomainModel::Score(); above the bundle's
  // out_of_domain_above it is no liver view. Empty where the model has no such score.
  std::optional<double> domain_score;
  double inference_ms = 0.0;  // Wall time of decoupling and classification of this frame.
};

class FrameInference;

// A model ready to run on one device at one precision: `prepare`, `decouple`, `classify`.
//
// Immutable after Open(), so any number of threads may use one engine at the same time. Exceptions
// are Error with LibTorch's one-line message.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Loads the bundle, checks it by a dry run, and moves it to the device. Callers in one process
  // with the same file content, device and precision get the same engine for as long as one of them
  // holds it. Throws Error: kNotFound, kUnreadable, kDamaged, kMismatch (bundle), kUnsupported
  // (device, precision), kInvalid (arguments).
  static std::shared_ptr<const Engine> Open(const EngineConfig& config);

  ~Engine();

  const ModelSpec& spec() const;
  const std::string& device() const;  // The device really in use: "cpu" or "cuda:N".
  Precision precision() const;
  // What computes: "cpu avx512", "cpu avx2" or "cpu portable", the CPU engine with the kernels that
  // it chose, "cpu avx512 bf16", the same at that precision, or "libtorch".
  std::string backend() const;

  // Runs the whole graph on a blank frame `passes` times on the calling thread: the first pass
  // takes its memory from the system, and LibTorch's first two on a thread are many times slower
  // than the rest.
  void WarmUp(int passes = 2) const;

  // Starts the lazily evaluated inference of one frame: copies what the network needs out of the
  // frame (which may be unmapped afterwards) and does nothing more. `preprocessor` belongs to the
  // caller's stream and must have been made with spec().preprocess.
  std::shared_ptr<FrameInference> Prepare(Preprocessor& preprocessor, const FrameView& frame) const;

  // The same from a picture already prepared (training's cache, tests). Throws Error(kMismatch) for
  // one of another size than spec().preprocess says.
  std::shared_ptr<FrameInference> Prepare(const PreparedImage& image) const;

  // Whether several frames cost less together than one after the other: on CUDA. The CPU engine
  // computes frame by frame, as fast, and with the same numbers whatever comes together.
  bool gains_by_batches() const;

  // Classify() of several frames of this engine, each named once: in one pass where that gains, on
  // the calling thread. Returns for each, in their order, what went wrong, if anything did.
  std::vector<std::optional<Error>> ClassifyTogether(
      const std::vector<FrameInference*>& frames) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  void RunAsBatch(const std::vector<FrameInference*>& frames) const;

  std::unique_ptr<Impl> impl_;
};

// One frame's way through the graph. Each stage runs when it is first asked for, once, whoever
// asks; its tensors stay on the engine's device. Thread-safe: concurrent callers wait for the one
// that computes. Holds its engine alive.
class FrameInference {
 public:
  ~FrameInference();

  const Engine& engine() const;
  const cv::Rect& bounds() const;  // The part of the frame that the network sees.
  int frame_width() const;
  int frame_height() const;

  // As Severity::domain_score, which needs no network: known when the frame is prepared.
  const std::optional<double>& domain_score() const;

  // Runs the two decouplers (IC1, IC2) unless they already ran.
  void Decouple();

  // Runs what is missing and returns the classifier's answer; the reference lives as long as this.
  const Severity& Classify();

  bool decoupled() const;
  bool classified() const;

  bool has(FeatureView view) const;  // Whether the model has the decoupler that makes it.

  // A copy of one view; runs Decouple() when needed. Throws Error(kUnsupported) unless the
  // model has it.
  GrayPicture View(FeatureView view);

  // Mean absolute difference between the selected planes and IC2's reconstruction, in [0,1]. Throws
  // Error(kUnsupported) where the model has no IC2.
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
