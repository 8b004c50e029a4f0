// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The engine against the network that was trained, on real scans.
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/engine.h"
#include "models/nets/picture_tensor.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/evaluation/metrics.h"

namespace hepar {
namespace {

constexpr char kModel[] = PRETRAINED_DIR "/steatosis-byra-live.hepar";

std::shared_ptr<const Engine> Open(Precision precision) {
  EngineConfig config;
  config.model = kModel;
  config.device = "cpu";
  config.precision = precision;
  return Engine::Open(config);
}

// Null, with the test skipped, without the scans. Every `step`-th frame; HEPAR_ALL_FRAMES takes
// each of them, which takes a minute.
std::unique_ptr<PreparedDataset> RealFrames(std::size_t step) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  const std::string labels = std::string(folder ? folder : "") + "/byra2018/labels.csv";
  if (!folder || !std::filesystem::exists(labels)) return nullptr;
  Dataset dataset = LoadDataset(labels, {});
  if (std::getenv("HEPAR_ALL_FRAMES")) step = 1;
  std::vector<Sample> some;
  for (std::size_t i = 0; i < dataset.samples.size(); i += step) some.push_back(dataset.samples[i]);
  dataset.samples = some;
  return std::make_unique<PreparedDataset>(dataset, LoadBundle(kModel).spec.preprocess, 1, nullptr);
}

#define HEPAR_SKIP_WITHOUT(data) \
  if (!(data)) GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/"

TEST(RealFramesTest, TheEngineGivesTheLogitsOfTheTrainedNetwork) {
  const auto data = RealFrames(10);
  HEPAR_SKIP_WITHOUT(data);
  const auto engine = Open(Precision::kFp32);
  SeverityNet net = LoadBundle(kModel).net;
  const torch::NoGradGuard no_grad;
  double largest = 0.0;
  for (int i = 0; i < data->size(); ++i) {
    const auto picture = data->image(i);
    const auto expected = net->forward(PictureToTensor(picture.pixels).unsqueeze(0))[0];
    const auto frame = engine->Prepare(picture);
    const auto& logits = frame->Classify().logits;
    for (std::size_t k = 0; k < logits.size(); ++k) {
      largest = std::max(largest, std::fabs(static_cast<double>(logits[k]) -
                                            expected[static_cast<int64_t>(k)].item<double>()));
    }
  }
  EXPECT_GT(data->size(), 30);
  EXPECT_LT(largest, 1e-4);
  std::cout << data->size() << " frames, largest difference of logits " << largest << "\n";
}

Predictions PredictAll(const PreparedDataset& data, const Engine& engine) {
  Predictions predictions;
  for (int i = 0; i < data.size(); ++i) {
    const auto frame = engine.Prepare(data.image(i));
    const auto& p = frame->Classify().probabilities;
    predictions.labels.push_back(data.dataset().samples[i].label);
    predictions.patients.push_back(data.dataset().samples[i].patient);
    predictions.probabilities.emplace_back(p.begin(), p.end());
  }
  return predictions;
}

// The difference between the two largest probabilities.
double MarginOf(std::vector<double> probabilities) {
  std::sort(probabilities.begin(), probabilities.end());
  return probabilities.back() - probabilities[probabilities.size() - 2];
}

// What a user of bf16 gives up: probabilities move by little, so a grade changes only where two
// were nearly equal, and frames and patients rank as they did.
TEST(RealFramesTest, Bf16ChangesOnlyGradesThatWereNearlyTied) {
  const auto data = RealFrames(2);
  HEPAR_SKIP_WITHOUT(data);
  const auto engine = Open(Precision::kBf16);
  const Predictions full = PredictAll(*data, *Open(Precision::kFp32));
  const Predictions half = PredictAll(*data, *engine);
  int changed = 0;
  double largest = 0.0;
  for (std::size_t i = 0; i < full.labels.size(); ++i) {
    if (AnswerOf(full.probabilities[i]) != AnswerOf(half.probabilities[i])) {
      ++changed;
      EXPECT_LT(MarginOf(full.probabilities[i]), 0.03) << "frame " << i;
    }
    for (std::size_t k = 0; k < full.probabilities[i].size(); ++k) {
      largest = std::max(largest, std::fabs(full.probabilities[i][k] - half.probabilities[i][k]));
    }
  }
  EXPECT_GT(data->size(), 150);
  EXPECT_LE(changed, data->size() / 50);
  EXPECT_LT(largest, 0.015);
  EXPECT_GT(largest, 0.0) << "bf16 was not used";
  std::cout << data->size() << " frames by " << engine->backend() << ", " << changed
            << " with another grade, probabilities off by at most " << largest << "\n";
  for (int grade = 1; grade <= 3; ++grade) {
    const double frames = GradeAuc(half, grade) - GradeAuc(full, grade);
    const double patients = GradeAuc(ByPatient(half), grade) - GradeAuc(ByPatient(full), grade);
    EXPECT_LT(std::fabs(frames), 0.005) << "grade " << grade;
    EXPECT_LT(std::fabs(patients), 0.005) << "grade " << grade;
    std::cout << "AUC of grade >= " << grade << ": frames off by " << frames << ", patients by "
              << patients << "\n";
  }
}

}  // namespace
}  // namespace hepar
