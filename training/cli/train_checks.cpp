// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which options of `hepar train` go together.
#include <filesystem>
#include <system_error>

#include "training/cli/exit_codes.h"
#include "training/cli/train_options.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

using Select = TrainerOptions::Select;
using Accuracy = AdversarialOptions::Accuracy;

void CheckData(const TrainOptions& o) {
  if (o.scans.fold >= 0 && o.scans.folds.empty()) throw UsageError("--fold needs --folds");
  if (!o.scans.folds.empty() && o.test_fraction > 0) {
    throw UsageError("--test-fraction cannot be combined with --folds; the fold is the test part");
  }
}

void CheckModel(const TrainOptions& o) {
  if (o.batches.size == 1 && !o.trainer.freeze_normalization) {
    throw UsageError(
        "--batch 1: batch normalization needs two pictures or more; give a larger batch, or "
        "--freeze-normalization with --init");
  }
  const bool no_decouplers = o.architecture.decouplers == DecouplerSet::kNone;
  if (!o.init.empty() && !o.weights.empty() && !o.freeze_weights) {
    throw UsageError(
        "--init holds all weights, --weights those of the classifier; give one of them, or "
        "--freeze-weights too, which keeps those of --weights as they are");
  }
  if (o.first_layer_luma && o.weights.empty()) throw UsageError("--first-layer needs --weights");
  if (o.freeze_weights && o.weights.empty()) throw UsageError("--freeze-weights needs --weights");
  if (o.trainer.freeze_decouplers_after > 0 && o.loss().lambda3 == 0) {
    throw UsageError("--freeze-decouplers-after leaves nothing to train with --lambda3 0");
  }
  if (no_decouplers && o.loss().lambda3 == 0) {
    throw UsageError("--decouplers none leaves nothing to train with --lambda3 0");
  }
  if (no_decouplers && o.trainer.freeze_decouplers_after > 0) {
    throw UsageError("--freeze-decouplers-after: there are no decouplers");
  }
  if (o.trainer.freeze_normalization && o.init.empty()) {
    throw UsageError(
        "--freeze-normalization needs --init: a fresh net has no statistics worth keeping");
  }
}

void CheckProcedure(const TrainOptions& o) {
  if (o.trainer.ema > 0 && o.fawa) {
    throw UsageError("--ema and --fawa are two averages; choose one");
  }
  const bool robust_check = o.ChecksRobustness() && o.Validates();
  if (o.fawa && !robust_check) {
    throw UsageError(
        "--fawa needs the robust accuracy of the validation part: --procedure adversarial, "
        "--check-steps and --validation-fraction above 0");
  }
  if (o.trainer.select == Select::kRobust && o.Validates() && !robust_check) {
    throw UsageError("--select robust needs --procedure adversarial and --check-steps above 0");
  }
  const Accuracy source = o.adversarial.accuracy;
  if (o.IsAdversarial() && source == Accuracy::kValidation && !robust_check) {
    throw UsageError(
        "--accuracy-source validation needs --check-steps and --validation-fraction above 0");
  }
  if (o.IsAdversarial() && o.adversarial.schedule.fairness == Fairness::kDafa &&
      source != Accuracy::kRobust && source != Accuracy::kRobustTrain) {
    throw UsageError(
        "--fairness dafa learns from the attacked training pictures; --accuracy-source " +
        NameOf(kAccuracySources, source) + " is of no use to it");
  }
}

void CheckOutput(const TrainOptions& o) {
  std::error_code code;
  if (fs::exists(o.out, code) && !o.overwrite && !o.resume) {
    throw UsageError("--out: " + o.out +
                     " exists; give another name, --overwrite to replace it, or --resume to "
                     "resume its training");
  }
}

}  // namespace

void CheckTrainOptions(const TrainOptions& options) {
  CheckData(options);
  CheckModel(options);
  CheckProcedure(options);
  CheckOutput(options);
}

std::vector<std::string> IdleTrainOptions(const OptionTable& table, const TrainOptions& o) {
  const ClassScheduleOptions& schedule = o.adversarial.schedule;
  const DecouplerSet decouplers = o.architecture.decouplers;
  const bool adversarial = o.IsAdversarial();
  const bool cfa = adversarial && schedule.fairness == Fairness::kCfa;
  struct Rule {
    bool idle;
    std::vector<const char*> options;
    const char* because;
  };
  const std::vector<Rule> rules = {
      {!adversarial,
       {"beta", "sigma", "mu", "attack-steps", "attack-step", "attack-precision", "scope",
        "perturb", "fairness", "adapt-epsilon", "adapt-beta", "dafa-lambda", "begin",
        "accuracy-source", "detach-clean", "check-steps", "ramp"},
       "--procedure joint trains on clean pictures only"},
      {!adversarial && o.report_steps == 0, {"epsilon"}, "nothing is attacked"},
      {adversarial && schedule.fairness == Fairness::kNone,
       {"sigma", "mu", "adapt-epsilon", "adapt-beta", "dafa-lambda", "begin"},
       "with --fairness none all classes are treated alike"},
      {adversarial && schedule.fairness == Fairness::kDafa,
       {"sigma", "mu", "adapt-epsilon", "adapt-beta"},
       "--fairness dafa has its own weights"},
      {cfa, {"dafa-lambda"}, "it belongs to --fairness dafa"},
      {cfa && !schedule.adapt_epsilon, {"sigma"}, "with --adapt-epsilon off budgets are fixed"},
      {cfa && !schedule.adapt_beta, {"mu"}, "with --adapt-beta off beta is fixed"},
      {decouplers == DecouplerSet::kNone,
       {"size", "widths", "feature-channels", "ic2-skips", "lambda1", "lambda2", "xi",
        "edge-filter", "auxiliary-target", "detach-features"},
       "there are no decouplers"},
      {decouplers == DecouplerSet::kSpecific,
       {"ic2-skips", "lambda1", "xi", "edge-filter"},
       "there is no decoupler of common features"},
      {decouplers == DecouplerSet::kCommon,
       {"lambda2", "auxiliary-target"},
       "there is no decoupler of specific features"},
      {o.trainer.learning_rate.kind != LearningRateSchedule::Kind::kStep,
       {"milestones", "step-factor"},
       "they belong to --schedule step"},
      {!o.fawa, {"fawa-decay", "fawa-threshold"}, "they belong to --fawa"},
      {!o.Validates(),
       {"patience", "min-delta", "select"},
       "there is no validation part, so the last epoch is kept"},
      {!o.Validates(),
       {"abstain-share"},
       "there is no validation part; 'hepar trust --predictions' takes answers of other models"},
      {!o.augment,
       {"augment-rotate", "augment-zoom", "augment-shift", "augment-flip", "augment-gain",
        "augment-gamma", "augment-time-gain", "augment-speckle", "augment-blur", "augment-depth",
        "augment-sector"},
       "--augment off leaves the pictures unchanged"},
      {o.architecture.classifier.rfind("squeezenet", 0) != 0,
       {"final-relu"},
       "only SqueezeNet has one"},
  };
  std::vector<std::string> idle;
  for (const Rule& rule : rules) {
    if (!rule.idle) continue;
    for (const char* option : rule.options) {
      if (!table.IsGiven(option)) continue;
      idle.push_back("--" + std::string(option) + " has no effect: " + rule.because);
    }
  }
  return idle;
}

}  // namespace hepar
