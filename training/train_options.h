// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/nets/architecture.h"
#include "training/data/augmentation.h"
#include "training/options.h"

namespace hepar {

// All options of `hepar train`, with their defaults.
struct TrainOptions {
  std::string data, folds;
  int fold = -1;
  double validation_fraction = 0.15, test_fraction = 0.0;
  std::string sector = "auto";

  std::string size = "live", classifier = "squeezenet1_1", planes = "y", ic2_skips = "all";
  int input_size = 224, feature_channels = 1;
  bool final_relu = false;
  std::string weights, first_layer = "repeat";

  int epochs = 60, batch = 16, warm_up_epochs = 2;
  std::string optimizer = "adamw", schedule = "cosine";
  double learning_rate = 1e-3, weight_decay = 1e-2, classifier_factor = 1.0, step_factor = 0.1;
  std::vector<std::string> milestones = {"30", "45"};
  double gradient_clip = 5.0, ema = 0.0;
  int patience = 20;
  double min_delta = 0.0;
  std::string select = "balanced-accuracy";

  double lambda1 = 1.0, lambda2 = 1.0, lambda3 = 1.0, xi = 1e-3, label_smoothing = 0.0;
  std::string class_weights = "none";

  bool augment = true;
  AugmentationOptions augmentation;

  int seed = 1, threads = 1;
  std::string device = "auto";

  std::string out, work, json, name, licence, citation;
  bool resume = false;
  int checkpoint_every = 1;
};

// The table bound to `options`, which must outlive it.
OptionTable MakeTrainOptionTable(TrainOptions* options);

}  // namespace hepar
