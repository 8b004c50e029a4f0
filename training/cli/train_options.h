// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/nets/architecture.h"
#include "training/cli/options.h"
#include "training/cli/trust_options.h"
#include "training/data/augmentation.h"
#include "training/data/picture_source.h"

namespace hepar {

// All options of `hepar train`, with their defaults.
struct TrainOptions {
  std::string data, folds;
  int fold = -1;
  double validation_fraction = 0.15, test_fraction = 0.0;
  std::string sector = "auto";
  SourceOptions source;

  std::string size = "live", widths, classifier = "squeezenet1_1", planes = "y", ic2_skips = "all";
  std::string decouplers = "both";
  int input_size = 224, feature_channels = 1;
  bool final_relu = false;
  std::string init, weights, first_layer = "repeat";
  bool freeze_weights = false;

  int epochs = 60, batch = 16, warm_up_epochs = 2;
  std::string optimizer = "adamw", schedule = "cosine";
  double learning_rate = 1e-3, weight_decay = 1e-2, classifier_factor = 1.0, step_factor = 0.1;
  std::vector<std::string> milestones = {"30", "45"};
  double gradient_clip = 5.0, ema = 0.0;
  bool fawa = false;
  double fawa_decay = 0.85, fawa_threshold = 0.2;
  int freeze_decouplers_after = 0;
  bool freeze_normalisation = false;
  std::string sampling = "each";
  int patience = 20;
  double min_delta = 0.0;
  std::string select = "balanced-accuracy";

  double lambda1 = 1.0, lambda2 = 1.0, lambda3 = 1.0, xi = 1e-3, label_smoothing = 0.0;
  std::string class_weights = "none", edge_filter = "laplacian", auxiliary_target = "one-hot";
  bool detach_features = false;

  std::string preset = "clean", procedure = "joint", scope = "image", fairness = "cfa";
  std::string accuracy_source = "robust", perturb = "image";
  double epsilon = 8.0 / 255.0, beta = 6.0, sigma = 0.3, mu = 0.5, dafa_lambda = 1.0;
  double attack_step = 0.0;
  std::string attack_precision = "fp32";
  int attack_steps = 10, begin = 10, ramp = 0, check_steps = 10, report_steps = 0;
  bool adapt_epsilon = true, adapt_beta = true, detach_clean = false;

  bool augment = true;
  AugmentationOptions augmentation;

  int seed = 1, threads = 1;
  std::string device = "auto";

  std::string out, work, json, name, licence, citation;
  TrustOptions trust;
  bool resume = false;
  int checkpoint_every = 1, peer_timeout = 60;
};

// The table bound to `options`, which must outlive it.
OptionTable MakeTrainOptionTable(TrainOptions* options);

// One line for each option that was given (by flag or file) but changes nothing beside the others,
// saying why: what somebody meant to have an effect and has none.
std::vector<std::string> IdleTrainOptions(const OptionTable& table, const TrainOptions& options);

}  // namespace hepar
