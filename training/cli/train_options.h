// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/image/preprocess.h"
#include "models/named_values.h"
#include "models/nets/architecture.h"
#include "models/permission.h"
#include "training/cli/common_options.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/data/augmentation.h"
#include "training/data/batches_options.h"
#include "training/trainer/class_weights.h"
#include "training/trainer/objective_options.h"
#include "training/trainer/trainer_options.h"
#include "training/trust/trust_options.h"

namespace hepar {

enum class Procedure { kJoint, kAdversarial };

// All options of `hepar train`. Most are bound to the structs of the parts that they configure,
// which hold the defaults; what several of those need, or what depends on the data, is filled in by
// training/verbs/train_setup.h.
struct TrainOptions {
  ScanOptions scans;
  std::string extra_data;  // Labeled scans that train only; empty: none.
  double extra_share = 0.5;
  double validation_fraction = 0.15, test_fraction = 0.0;
  PreprocessOptions preprocess;  // `channels` follows from the planes.

  Architecture architecture;  // `classifier` as the user writes it: "torchscript:FILE".
  std::string widths;
  ModelPermission permission;
  std::string init, weights;
  bool first_layer_luma = false, freeze_weights = false;

  std::string preset = "clean";
  Procedure procedure = Procedure::kJoint;
  TrainerOptions trainer;
  OptimizerOptions optimizer;
  BatchesOptions batches;
  bool fawa = false;
  FairAverageOptions fair_average;

  ClassWeights class_weights;
  AdversarialOptions adversarial;  // Its `joint` is the loss of the joint procedure too.
  int check_steps = RobustCheck().steps, report_steps = 0;

  bool augment = true;
  AugmentationOptions augmentation;

  TrustOptions trust;

  DeviceOptions device;
  int seed = 1;
  std::string out, work;
  bool resume = false, overwrite = false;
  int checkpoint_every = 1, peer_timeout = 60;
  std::string requeue_signal = "none";
  Output output;
  std::string name, license, citation;

  const JointObjectiveOptions& loss() const { return adversarial.joint; }
  bool IsAdversarial() const { return procedure == Procedure::kAdversarial; }
  bool Validates() const { return validation_fraction > 0; }
  // Whether the validation part is attacked after each epoch.
  bool ChecksRobustness() const { return IsAdversarial() && check_steps > 0; }
};

// The table bound to `options`, which must outlive it. `classifiers` are the names that
// --classifier accepts: ClassifierNames().
OptionTable MakeTrainOptionTable(TrainOptions* options,
                                 const std::vector<std::string>& classifiers);

// Throws Error(kInvalid), naming the flags, for combinations that contradict each other and for an
// output that cannot be written, before hours are spent.
void CheckTrainOptions(const TrainOptions& options);

// One line for each option that was given (by flag or file) but changes nothing beside the others,
// saying why.
std::vector<std::string> IdleTrainOptions(const OptionTable& table, const TrainOptions& options);

}  // namespace hepar
