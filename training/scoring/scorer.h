// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/decision/frame_state.h"
#include "models/decision/frames_decision.h"
#include "models/engine/engine.h"
#include "training/data/prepared_dataset.h"
#include "training/evaluation/metrics.h"
#include "training/scoring/corruptions.h"

namespace hepar {

// Grades the pictures of data sets with a model, by the code path that the elements use.
class Scorer {
 public:
  // Called after each picture.
  using Tick = std::function<void()>;

  // Throws what Engine::Open() does, and Error(kMismatch) for a model whose classes are not those
  // of data sets.
  explicit Scorer(const EngineConfig& config);

  const ModelSpec& spec() const { return engine_->spec(); }

  // Cases in the order of the samples.
  Predictions Score(const PreparedDataset& data, const Tick& tick);

  // The same for corrupted images; the random numbers of each depend on its patient, file name,
  // frame and `seed`. Corruptions of frames read the files again.
  Predictions ScoreCorrupted(const PreparedDataset& data, Corruption corruption, int strength,
                             std::uint64_t seed, const Tick& tick);

  // What comes of the pictures, each for itself, with these answers to them (of Score()); empty for
  // a model that cannot tell views. Runs no network.
  std::vector<FrameState> States(const PreparedDataset& data, const Predictions& answers,
                                 bool withhold_unfamiliar) const;

  // The out-of-domain scores of the pictures over the model's limit, in their order; above 1 is no
  // liver view. Empty for a model without such a score. Runs no network.
  std::vector<double> DomainScores(const PreparedDataset& data) const;

  // Frames (0-based, ascending) of one file, graded one after the other without being kept: what
  // Score() and DomainScores() find of them, with the scores as they are and not over the limit.
  // Throws Error, naming the file, as PreparedDataset does.
  std::vector<PictureScores> ScoreFile(const std::string& path, const std::vector<int>& frames,
                                       const Tick& tick);

  // Where the answer to a prepared picture came from. Throws what FrameInference::Saliency() does.
  SaliencyMap Explain(const cv::Mat& pixels) const;

  // Wall times of inference of the pictures so far, milliseconds.
  const std::vector<double>& inference_ms() const { return inference_ms_; }

 private:
  PictureScores Grade(const PreparedImage& image);

  std::shared_ptr<const Engine> engine_;
  std::vector<double> inference_ms_;
};

}  // namespace hepar
