// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "tests/training/support/temp_folder.h"
#include "training/data/batches.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/scoring/score.h"
#include "training/trainer/trainer.h"

namespace hepar {

// Eight noisy pictures of 32 x 32, two patients of each grade, brighter with the grade.
class TinyData {
 public:
  TinyData() {
    const Dataset names;
    cv::RNG rng(7);
    for (int grade = 0; grade < 4; ++grade) {
      for (int patient = 0; patient < 2; ++patient) {
        cv::Mat picture(32, 32, CV_8UC1);
        rng.fill(picture, cv::RNG::UNIFORM, 20 + 50 * grade, 70 + 50 * grade);
        const std::string id = std::to_string(grade) + std::to_string(patient);
        const std::string path = folder_.Write(names.class_names[grade] + "/p" + id + "_0.png", "");
        cv::imwrite(path, picture);
      }
    }
    PreprocessOptions preprocess;
    preprocess.size = 32;
    preprocess.sector = SectorRule::Parse("full");
    prepared_ = std::make_unique<PreparedDataset>(LoadDataset(folder_.path()), preprocess);
  }

  const PreparedDataset& prepared() const { return *prepared_; }
  std::vector<int> all() const { return {0, 1, 2, 3, 4, 5, 6, 7}; }

 private:
  TempFolder folder_;
  std::unique_ptr<PreparedDataset> prepared_;
};

// A net that takes milliseconds, with weights of this seed.
inline SeverityNet TinyNet(int seed = 1, DecouplerSet decouplers = DecouplerSet::kBoth) {
  torch::manual_seed(seed);
  at::set_num_threads(1);
  Architecture architecture;
  architecture.size = "custom";
  architecture.decoupler = {{4, 4, 4, 4}, {4, 4, 4, 4}, 2};
  architecture.decouplers = decouplers;
  return SeverityNet(architecture);
}

inline TrainerOptions TinyOptions(int epochs) {
  TrainerOptions options;
  options.epochs = epochs;
  options.batch = 4;
  options.learning_rate.epochs = epochs;
  options.learning_rate.warm_up = 1.0;
  options.patience = 0;
  return options;
}

inline BatchesOptions TinyBatches(int size = 4) {
  BatchesOptions options;
  options.size = size;
  options.augmentation = AugmentationOptions();
  return options;
}

// Trains on all of `batches` on the CPU, from `state`.
inline TrainingEnd Train(const TrainerOptions& options, const TinyData& data, Batches& batches,
                         const std::vector<int>& validation, Objective& objective,
                         TrainingState& state, const TrainingHooks& hooks = {}) {
  return Trainer(options, {data.prepared(), batches, validation}, objective, hooks).Run(state);
}

}  // namespace hepar
