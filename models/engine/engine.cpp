// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/engine.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "models/bundle/bundle.h"
#include "models/decision/doubt.h"
#include "models/decision/trust.h"
#include "models/engine/backend.h"
#include "models/engine/choose_backend.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "models/log.h"
#include "models/sha256.h"

namespace hepar {
namespace {

// Turns exceptions into Error with one line; LibTorch's have a backtrace of many lines.
template <typename Function>
auto WithOneLineErrors(ErrorKind kind, const std::string& what, const Function& function) {
  try {
    return function();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(kind, what + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Error(kind, what + ": " + error.what());
  }
}

}  // namespace

struct Engine::Impl {
  ModelSpec spec;
  std::string device_name;
  Precision precision = Precision::kFp32;
  std::unique_ptr<const Backend> backend;
  mutable std::atomic<bool> has_logged_batch_failure{false};
};

namespace {

double MillisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

Severity SeverityOf(std::vector<float> logits, double temperature, double evidence) {
  Severity severity;
  severity.logits = std::move(logits);
  const float largest = *std::max_element(severity.logits.begin(), severity.logits.end());
  auto& p = severity.probabilities;
  double total = 0.0;
  for (const float logit : severity.logits) {
    if (!std::isfinite(logit)) {
      throw Error(ErrorKind::kFailed, "the network returned values that are not finite");
    }
    p.push_back(static_cast<float>(std::exp((logit - largest) / temperature)));
    total += p.back();
  }
  for (float& v : p) v = static_cast<float>(v / total);
  WidenDoubt(evidence, &p);
  severity.grade = static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin());
  severity.confidence = p[severity.grade];
  severity.trust = static_cast<float>(TrustOf(p));
  return severity;
}

}  // namespace

struct FrameInference::Impl {
  std::shared_ptr<const Engine> engine;
  cv::Rect bounds;
  int frame_width = 0, frame_height = 0;
  std::optional<double> domain_score, familiarity_score;

  cv::Mat picture;  // As prepared.

  std::mutex mutex;  // Guards the members below; held while a stage runs.
  std::unique_ptr<BackendFrame> frame;
  Severity severity;
  double decouple_ms = 0.0;
  // Atomic, so that they can be read while a stage is running.
  std::atomic<bool> decoupled{false}, classified{false}, explained{false};
  std::atomic<bool> wants_saliency{false};

  // Held while the map is computed, without the mutex above: who needs the grade does not wait.
  std::mutex saliency_mutex;
  SaliencyMap saliency;

  void DecoupleLocked() {
    if (decoupled) return;
    const auto start = std::chrono::steady_clock::now();
    if (wants_saliency) frame->KeepForGradient();
    frame->Decouple();
    decouple_ms = MillisecondsSince(start);
    decoupled = true;
  }

  void ClassifyLocked() {
    if (classified) return;
    DecoupleLocked();
    const auto start = std::chrono::steady_clock::now();
    auto logits = frame->Classify();
    TakeLogits(std::move(logits), decouple_ms + MillisecondsSince(start));
  }

  void TakeLogits(std::vector<float> logits, double inference_ms) {
    const ModelSpec& spec = engine->impl().spec;
    severity =
        SeverityOf(std::move(logits), spec.temperature,
                   familiarity_score ? EvidenceShare(*spec.familiarity, *familiarity_score) : 1.0);
    severity.domain_score = domain_score;
    severity.familiarity_score = familiarity_score;
    severity.inference_ms = inference_ms;
    classified = true;
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

std::shared_ptr<const Engine> Engine::Open(const EngineConfig& config) {
  const std::string device = ResolveDevice(config.device);
  if (config.precision == Precision::kFp16 && device == "cpu") {
    throw Error(ErrorKind::kUnsupported,
                "precision fp16 needs a CUDA device; use fp32 or bf16 on the CPU");
  }
  Bundle bundle = LoadBundle(config.model, config.permission);

  // One engine for equal content, regardless of the path.
  using Key = std::tuple<std::string, std::string, Precision>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<const Engine>> engines;
  const std::string content = bundle.spec.id + ModelSpecToJson(bundle.spec);
  Sha256 digest;
  digest.Add(content.data(), content.size());
  const Key key(digest.Hex(), device, config.precision);
  std::lock_guard<std::mutex> lock(mutex);
  // What nobody holds any more leaves no trace, however many models a process opens.
  for (auto entry = engines.begin(); entry != engines.end();) {
    entry = entry->second.expired() ? engines.erase(entry) : std::next(entry);
  }
  const auto known = engines.find(key);
  if (known != engines.end()) {
    if (auto engine = known->second.lock()) return engine;
  }

  return WithOneLineErrors(ErrorKind::kMismatch, config.model, [&] {
    auto impl = std::make_unique<Impl>();
    impl->device_name = device;
    impl->precision = config.precision;
    impl->backend = ChooseBackend(bundle, device, config.precision);
    impl->spec = std::move(bundle.spec);

    std::shared_ptr<const Engine> engine(new Engine(std::move(impl)));
    engine->WarmUp(1);  // The dry run: shapes and planes that do not fit fail here.
    engines[key] = engine;
    return engine;
  });
}

const ModelSpec& Engine::spec() const { return impl_->spec; }
const std::string& Engine::device() const { return impl_->device_name; }
Precision Engine::precision() const { return impl_->precision; }
std::string Engine::backend() const { return impl_->backend->name(); }
bool Engine::device_lost() const { return impl_->backend->lost(); }

void Engine::WarmUp(int passes) const {
  const PreprocessOptions& input = impl_->spec.preprocess;
  PreparedImage blank;
  blank.pixels = cv::Mat::zeros(input.size, input.size, input.channels == 3 ? CV_32FC3 : CV_32FC1);
  blank.bounds = cv::Rect(0, 0, input.size, input.size);
  blank.frame_width = blank.frame_height = input.size;
  for (int i = 0; i < passes; ++i) {
    const auto severity = Prepare(blank)->Classify();
    if (severity.probabilities.size() != impl_->spec.class_names.size()) {
      throw Error(ErrorKind::kMismatch,
                  "the model returns " + std::to_string(severity.probabilities.size()) +
                      " scores for " + std::to_string(impl_->spec.class_names.size()) + " classes");
    }
  }
}

std::shared_ptr<FrameInference> Engine::Prepare(Preprocessor& preprocessor,
                                                const FrameView& frame) const {
  return Prepare(preprocessor.Process(frame));
}

std::shared_ptr<FrameInference> Engine::Prepare(const PreparedImage& image) const {
  return WithOneLineErrors(ErrorKind::kFailed, "the frame could not be prepared", [&] {
    auto impl = std::make_unique<FrameInference::Impl>();
    impl->engine = shared_from_this();
    impl->bounds = image.bounds;
    impl->frame_width = image.frame_width;
    impl->frame_height = image.frame_height;
    impl->picture = image.pixels;
    impl->frame = impl_->backend->Prepare(image.pixels);
    if (const auto& domain = impl_->spec.domain) {
      const PictureDescriptor descriptor = DescribePicture(image.pixels);
      impl->domain_score = domain->Score(descriptor);
      if (const auto& familiarity = impl_->spec.familiarity) {
        impl->familiarity_score = domain->Score(descriptor, familiarity->factor);
      }
    }
    return std::make_shared<FrameInference>(std::move(impl));
  });
}

bool Engine::gains_by_batches() const { return impl_->backend->gains_by_batches(); }

void Engine::RunAsBatch(const std::vector<FrameInference*>& frames) const {
  // Locks are taken in a global order, so that callers with common frames do not deadlock.
  std::vector<FrameInference*> ordered = frames;
  std::sort(ordered.begin(), ordered.end(), std::less<>());
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<FrameInference::Impl*> fresh;
  std::vector<BackendFrame*> inner;
  for (FrameInference* frame : ordered) {
    locks.emplace_back(frame->impl_->mutex);
    if (frame->impl_->decoupled) continue;
    fresh.push_back(frame->impl_.get());
    inner.push_back(fresh.back()->frame.get());
  }
  if (fresh.size() < 2) return;
  const auto start = std::chrono::steady_clock::now();
  auto logits = impl_->backend->DecoupleAndClassify(inner);
  const double each_ms = MillisecondsSince(start) / static_cast<double>(fresh.size());
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    fresh[i]->decouple_ms = each_ms;
    fresh[i]->decoupled = true;
    try {
      fresh[i]->TakeLogits(std::move(logits[i]), each_ms);
    } catch (const Error&) {
      // Only this frame is affected; its Classify() reports the error.
    }
  }
}

std::vector<std::optional<Error>> Engine::ClassifyTogether(
    const std::vector<FrameInference*>& frames) const {
  if (gains_by_batches()) {
    try {
      RunAsBatch(frames);
    } catch (const std::exception& error) {
      // Each frame alone may still succeed, or reports its own error.
      if (!impl_->has_logged_batch_failure.exchange(true)) {
        const std::string text = error.what();
        Log(LogLevel::kWarning, "frames cannot run as one batch and run one by one: " +
                                    text.substr(0, text.find('\n')));
      }
    }
  }
  std::vector<std::optional<Error>> errors;
  for (FrameInference* frame : frames) {
    try {
      frame->Classify();
      errors.emplace_back();
    } catch (const Error& error) {
      errors.emplace_back(error);
    }
  }
  return errors;
}

FrameInference::FrameInference(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrameInference::~FrameInference() = default;

const Engine& FrameInference::engine() const { return *impl_->engine; }
const cv::Rect& FrameInference::bounds() const { return impl_->bounds; }
int FrameInference::frame_width() const { return impl_->frame_width; }
int FrameInference::frame_height() const { return impl_->frame_height; }
const std::optional<double>& FrameInference::domain_score() const { return impl_->domain_score; }
const std::optional<double>& FrameInference::familiarity_score() const {
  return impl_->familiarity_score;
}
bool FrameInference::decoupled() const { return impl_->decoupled; }
bool FrameInference::classified() const { return impl_->classified; }
bool FrameInference::explained() const { return impl_->explained; }

void FrameInference::Decouple() {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  WithOneLineErrors(ErrorKind::kFailed, "decoupling failed", [&] { impl_->DecoupleLocked(); });
}

const Severity& FrameInference::Classify() {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  WithOneLineErrors(ErrorKind::kFailed, "classification failed", [&] { impl_->ClassifyLocked(); });
  return impl_->severity;
}

// Without the mutex: the streaming thread calls it, while another thread may run a stage.
void FrameInference::RequestSaliency() { impl_->wants_saliency = true; }

const SaliencyMap& FrameInference::Saliency() {
  std::lock_guard<std::mutex> lock(impl_->saliency_mutex);
  if (impl_->explained) return impl_->saliency;
  const std::vector<float>& logits = Classify().logits;
  WithOneLineErrors(ErrorKind::kFailed, "the saliency map could not be computed", [&] {
    const auto answer = std::max_element(logits.begin(), logits.end()) - logits.begin();
    impl_->saliency = MakeSaliencyMap(static_cast<int>(answer), impl_->picture,
                                      impl_->frame->PictureGradient(LogOddsGradient(logits)));
  });
  impl_->explained = true;
  return impl_->saliency;
}

bool FrameInference::has(FeatureView view) const {
  const DecouplerSet set = engine().spec().architecture.decouplers;
  return view == FeatureView::kSpecific ? HasSpecific(set) : HasCommon(set);
}

namespace {

void Require(const FrameInference& frame, FeatureView view) {
  if (frame.has(view)) return;
  throw Error(ErrorKind::kUnsupported,
              std::string("the model was trained without the decoupler of ") +
                  (view == FeatureView::kSpecific ? "specific" : "common") + " features");
}

}  // namespace

GrayPicture FrameInference::View(FeatureView view) {
  Require(*this, view);
  Decouple();
  return WithOneLineErrors(ErrorKind::kFailed, "the feature view could not be computed",
                           [&] { return impl_->frame->View(view); });
}

double FrameInference::ReconstructionError() {
  Require(*this, FeatureView::kReconstruction);
  Decouple();
  return WithOneLineErrors(ErrorKind::kFailed, "the reconstruction error could not be computed",
                           [&] { return impl_->frame->ReconstructionError(); });
}

std::vector<float> FrameInference::Planes() {
  Decouple();
  return WithOneLineErrors(ErrorKind::kFailed, "the planes could not be copied",
                           [&] { return impl_->frame->Planes(); });
}

}  // namespace hepar
