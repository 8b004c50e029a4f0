// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/scorer.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "training/data/recorded_split.h"

namespace hepar {
namespace {

// FNV-1a: the same everywhere, which std::hash is not.
std::uint64_t SeedOf(const Sample& sample, std::uint64_t seed) {
  const std::string text = sample.patient + "\n" +
                           std::filesystem::path(sample.path).filename().string() + "\n" +
                           std::to_string(sample.frame) + "\n" + std::to_string(seed);
  std::uint64_t hash = 14695981039346656037ull;
  for (const unsigned char byte : text) hash = (hash ^ byte) * 1099511628211ull;
  return hash;
}

Predictions WithoutAnswers(const Dataset& dataset) {
  Predictions predictions;
  for (const Sample& sample : dataset.samples) {
    predictions.labels.push_back(sample.label);
    predictions.patients.push_back(sample.patient);
  }
  predictions.probabilities.resize(dataset.samples.size());
  return predictions;
}

}  // namespace

Scorer::Scorer(const EngineConfig& config) : engine_(Engine::Open(config)) {
  CheckSameClasses(spec(), config.model, Dataset().class_names);
}

PictureScores Scorer::Grade(const PreparedImage& image) {
  const auto inference = engine_->Prepare(image);
  const Severity& severity = inference->Classify();
  inference_ms_.push_back(severity.inference_ms);
  return {{severity.probabilities.begin(), severity.probabilities.end()},
          severity.domain_score,
          severity.familiarity_score};
}

SaliencyMap Scorer::Explain(const cv::Mat& pixels) const {
  const auto inference = engine_->Prepare(
      PreparedImage{pixels, cv::Rect(0, 0, pixels.cols, pixels.rows), pixels.cols, pixels.rows});
  inference->RequestSaliency();
  return inference->Saliency();
}

std::vector<double> Scorer::DomainScores(const PreparedDataset& data) const {
  std::vector<double> scores;
  if (!spec().domain) return scores;
  for (int i = 0; i < data.size(); ++i) {
    scores.push_back(*engine_->Prepare(data.image(i))->domain_score() /
                     *spec().out_of_domain_above);
  }
  return scores;
}

std::vector<FrameState> Scorer::States(const PreparedDataset& data, const Predictions& answers,
                                       bool withhold_unfamiliar) const {
  std::vector<FrameState> states;
  if (!spec().domain) return states;
  DecisionChoices choices;
  choices.withhold_unfamiliar = withhold_unfamiliar;
  SeveritySmoother smoother(DecisionOptions(spec(), choices));
  for (int i = 0; i < data.size(); ++i) {
    const auto frame = engine_->Prepare(data.image(i));
    const auto& p = answers.probabilities[i];
    smoother.Reset();
    states.push_back(StateOf(smoother.Update({p.begin(), p.end()}, 0.0, frame->domain_score(),
                                             frame->familiarity_score())));
  }
  return states;
}

Predictions Scorer::Score(const PreparedDataset& data, const Tick& tick) {
  Predictions predictions = WithoutAnswers(data.dataset());
  for (int i = 0; i < data.size(); ++i) {
    predictions.probabilities[i] = Grade(data.image(i)).probabilities;
    tick();
  }
  return predictions;
}

Predictions Scorer::ScoreCorrupted(const PreparedDataset& data, Corruption corruption, int strength,
                                   std::uint64_t seed, const Tick& tick) {
  Predictions predictions = WithoutAnswers(data.dataset());
  const auto& samples = data.dataset().samples;
  if (!CorruptsFrame(corruption)) {
    for (int i = 0; i < data.size(); ++i) {
      PreparedImage image = data.image(i);
      image.pixels = CorruptPicture(image.pixels, corruption, strength, SeedOf(samples[i], seed));
      predictions.probabilities[i] = Grade(image).probabilities;
      tick();
    }
    return predictions;
  }
  Preprocessor preprocessor(spec().preprocess);
  std::map<std::string, std::map<int, int>> index_of;  // By file and frame.
  for (int i = 0; i < data.size(); ++i) index_of[samples[i].path][samples[i].frame] = i;
  for (const auto& [path, frames] : index_of) {
    std::vector<int> numbers;
    for (const auto& [frame, index] : frames) numbers.push_back(frame);
    ReadFrames(path, numbers,
               [&, &path = path, &frames = frames](int frame, const cv::Mat& picture) {
                 const int index = frames.at(frame);
                 const cv::Mat corrupted =
                     CorruptFrame(picture, corruption, strength, SeedOf(samples[index], seed));
                 predictions.probabilities[index] =
                     Grade(PreparePicture(corrupted, path, frame, preprocessor)).probabilities;
                 tick();
               });
  }
  return predictions;
}

std::vector<PictureScores> Scorer::ScoreFile(const std::string& path,
                                             const std::vector<int>& frames, const Tick& tick) {
  Preprocessor preprocessor(spec().preprocess);
  std::vector<PictureScores> scores;
  ReadFrames(path, frames, [&](int frame, const cv::Mat& picture) {
    scores.push_back(Grade(PreparePicture(picture, path, frame, preprocessor)));
    tick();
  });
  return scores;
}

}  // namespace hepar
