// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/train_setup.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/named_values.h"
#include "models/sha256.h"
#include "training/cli/decoupler_options.h"
#include "training/trainer/adversarial_objective.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

constexpr NamedValue<EdgeFilter> kEdgeFilters[] = {{"laplacian", EdgeFilter::kLaplacian},
                                                   {"pyramid", EdgeFilter::kPyramid}};
constexpr NamedValue<AuxiliaryTarget> kAuxiliaryTargets[] = {
    {"one-hot", AuxiliaryTarget::kOneHot}, {"ordinal", AuxiliaryTarget::kOrdinal}};
constexpr NamedValue<Fairness> kFairness[] = {
    {"none", Fairness::kNone}, {"cfa", Fairness::kCfa}, {"dafa", Fairness::kDafa}};
constexpr NamedValue<AdversarialOptions::Scope> kScopes[] = {
    {"image", AdversarialOptions::Scope::kImage},
    {"end2end", AdversarialOptions::Scope::kEndToEnd}};
constexpr NamedValue<AdversarialOptions::Accuracy> kAccuracies[] = {
    {"robust", AdversarialOptions::Accuracy::kRobust},
    {"robust-train-mode", AdversarialOptions::Accuracy::kRobustTrain},
    {"clean", AdversarialOptions::Accuracy::kClean},
    {"validation", AdversarialOptions::Accuracy::kValidation}};
constexpr NamedValue<TrainerOptions::Select> kSelections[] = {
    {"balanced-accuracy", TrainerOptions::Select::kBalancedAccuracy},
    {"loss", TrainerOptions::Select::kLoss},
    {"robust", TrainerOptions::Select::kRobust},
    {"last", TrainerOptions::Select::kLast}};

std::vector<int> ParseMilestones(const TrainOptions& o) {
  std::vector<int> milestones;
  for (const std::string& text : o.milestones) {
    std::istringstream stream(text);
    int value = 0;
    if (!(stream >> value) || !stream.eof() || value < 1) {
      throw Invalid("--milestones: expected epochs from 1, got '" + text + "'");
    }
    milestones.push_back(value);
  }
  return milestones;
}

std::vector<double> ParseClassWeights(const TrainOptions& o, const Dataset& dataset,
                                      const std::vector<int>& train) {
  const std::size_t classes = dataset.class_names.size();
  std::vector<double> weights;
  if (o.class_weights == "none") return weights;
  if (o.class_weights == "balanced") {
    std::vector<double> counts(classes, 0.0);
    for (int index : train) counts[dataset.samples[index].label] += 1.0;
    for (double count : counts) {
      weights.push_back(count > 0 ? static_cast<double>(train.size()) / (classes * count) : 0.0);
    }
    return weights;
  }
  std::istringstream stream(o.class_weights);
  for (std::string part; std::getline(stream, part, ',');) {
    std::istringstream number(part);
    double value = 0;
    if (!(number >> value) || !number.eof() || !(value >= 0)) {
      throw Invalid("--class-weights: expected none, balanced or numbers, got '" + part + "'");
    }
    weights.push_back(value);
  }
  if (weights.size() != classes || *std::max_element(weights.begin(), weights.end()) <= 0) {
    throw Invalid("--class-weights: expected " + std::to_string(classes) +
                  " numbers that are not all zero, got '" + o.class_weights + "'");
  }
  // Mean 1 over the training part, so that a batch of any mix has the scale of one without weights.
  double sum = 0.0;
  for (int index : train) sum += weights[dataset.samples[index].label];
  if (!(sum > 0)) throw Invalid("--class-weights: every class of the training part weighs nothing");
  for (double& weight : weights) weight *= static_cast<double>(train.size()) / sum;
  return weights;
}

}  // namespace

void CheckTrainOptions(const TrainOptions& o) {
  if (o.data.empty()) throw Invalid("--data is missing: the labelled scans to train on");
  if (o.out.empty()) throw Invalid("--out is missing: the model bundle to write");
  if (o.fold >= 0 && o.folds.empty()) throw Invalid("--fold needs --folds");
  if (!o.folds.empty() && o.test_fraction > 0) {
    throw Invalid("--test-fraction cannot be combined with --folds; the fold is the test part");
  }
  if (!o.init.empty() && !o.weights.empty()) {
    throw Invalid("--init holds all weights, --weights those of the classifier; give one of them");
  }
  if (o.first_layer != "repeat" && o.weights.empty()) {
    throw Invalid("--first-layer needs --weights");
  }
  if (o.freeze_weights && o.weights.empty()) throw Invalid("--freeze-weights needs --weights");
  if (o.ema > 0 && o.fawa) throw Invalid("--ema and --fawa are two averages; choose one");
  if (o.freeze_decouplers_after > 0 && o.lambda3 == 0) {
    throw Invalid("--freeze-decouplers-after leaves nothing to train with --lambda3 0");
  }
  if (o.decouplers == "none" && o.lambda3 == 0) {
    throw Invalid("--decouplers none leaves nothing to train with --lambda3 0");
  }
  if (o.decouplers == "none" && o.freeze_decouplers_after > 0) {
    throw Invalid("--freeze-decouplers-after: there are no decouplers");
  }
  if (o.freeze_normalisation && o.init.empty()) {
    throw Invalid(
        "--freeze-normalisation needs --init: a fresh net has no statistics worth keeping");
  }
  const bool validates = o.validation_fraction > 0;
  const bool robust_check = o.procedure == "adversarial" && o.check_steps > 0 && validates;
  if (o.fawa && !robust_check) {
    throw Invalid(
        "--fawa needs the robust accuracy of the validation part: --procedure adversarial, "
        "--check-steps and --validation-fraction above 0");
  }
  if (o.select == "robust" && validates && !robust_check) {
    throw Invalid("--select robust needs --procedure adversarial and --check-steps above 0");
  }
  if (o.procedure == "adversarial" && o.accuracy_source == "validation" && !robust_check) {
    throw Invalid(
        "--accuracy-source validation needs --check-steps and --validation-fraction above 0");
  }
  if (o.procedure == "adversarial" && o.fairness == "dafa" && o.accuracy_source != "robust" &&
      o.accuracy_source != "robust-train-mode") {
    throw Invalid("--fairness dafa learns from the attacked training pictures; --accuracy-source " +
                  o.accuracy_source + " is of no use to it");
  }
  if (fs::is_directory(o.out) || fs::path(o.out).filename().empty()) {
    throw Invalid("--out: " + o.out + " is a folder, expected the name of a file");
  }
  const fs::path folder = fs::path(o.out).parent_path();
  if (!folder.empty() && !fs::is_directory(folder)) {
    throw Invalid("--out: the folder " + folder.string() + " does not exist");
  }
  if (access(folder.empty() ? "." : folder.c_str(), W_OK) != 0) {
    throw Invalid("--out: nothing can be written to the folder " + folder.string());
  }
}

Architecture ArchitectureOf(const TrainOptions& o, int classes) {
  Architecture a;
  SetDecouplers(o.size, o.widths, &a);
  a.decouplers = ParseDecouplerSet(o.decouplers);
  a.planes = ParseColorPlanes(o.planes);
  a.feature_channels = o.feature_channels;
  a.ic2_skips = ParseDecouplerSkips(o.ic2_skips);
  a.final_relu = o.final_relu;
  a.classes = classes;
  SetClassifier(o.classifier, ClassifierPlanes(a), o.input_size, &a);
  if (!o.weights.empty()) {
    // What ImageNet weights expect, as the mean over R, G and B.
    a.mean = 0.449;
    a.std = 0.226;
  }
  return a;
}

PreprocessOptions PreprocessOf(const TrainOptions& o) {
  PreprocessOptions preprocess;
  preprocess.size = o.input_size;
  preprocess.channels = o.planes == "y" ? 1 : 3;
  preprocess.sector = SectorRule::Parse(o.sector);
  return preprocess;
}

void StartFrom(const std::string& path, SeverityNet net) {
  const Bundle bundle = LoadBundle(path);
  const auto differ = [&path](const std::string& what) {
    return Error(ErrorKind::kMismatch,
                 path + ": cannot start from it: " + what +
                     "; give the options --size, --decouplers, --classifier, --planes, "
                     "--feature-channels and --ic2-skips that it was trained with");
  };
  const Architecture &theirs = bundle.net->architecture, &ours = net->architecture;
  if (theirs.planes != ours.planes) throw differ("its planes are " + ToString(theirs.planes));
  if (theirs.decouplers != ours.decouplers) {
    throw differ("its decouplers are " + ToString(theirs.decouplers));
  }
  if (theirs.ic2_skips != ours.ic2_skips) {
    throw differ("its skips are " + ToString(theirs.ic2_skips));
  }
  if (theirs.final_relu != ours.final_relu || theirs.classifier != ours.classifier) {
    throw differ("its classifier is " + theirs.classifier +
                 (theirs.final_relu ? " with a final ReLU" : ""));
  }
  auto from = bundle.net->named_parameters();
  for (const auto& buffer : bundle.net->named_buffers()) from.insert(buffer.key(), buffer.value());
  auto to = net->named_parameters();
  for (const auto& buffer : net->named_buffers()) to.insert(buffer.key(), buffer.value());
  if (from.size() != to.size()) throw differ("it has another number of tensors");
  for (const auto& item : to) {
    const auto* value = from.find(item.key());
    if (value == nullptr) throw differ("it has no tensor '" + item.key() + "'");
    if (value->sizes() != item.value().sizes()) {
      throw differ("its tensor '" + item.key() + "' has another shape");
    }
  }
  CopyWeights(bundle.net, net);
  net->architecture.mean = bundle.net->architecture.mean;
  net->architecture.std = bundle.net->architecture.std;
}

TrainerOptions TrainerOptionsOf(const TrainOptions& o) {
  TrainerOptions trainer;
  trainer.epochs = o.epochs;
  trainer.batch = o.batch;
  trainer.learning_rate.kind = LearningRateSchedule::ParseKind(o.schedule);
  trainer.learning_rate.base = o.learning_rate;
  trainer.learning_rate.epochs = o.epochs;
  trainer.learning_rate.warm_up = o.warm_up_epochs;
  trainer.learning_rate.milestones = ParseMilestones(o);
  trainer.learning_rate.step_factor = o.step_factor;
  trainer.gradient_clip = o.gradient_clip;
  trainer.ema = o.ema;
  if (o.fawa) trainer.fair_average = FairAverageOptions{o.fawa_decay, o.fawa_threshold};
  trainer.freeze_decouplers_after = o.freeze_decouplers_after;
  if (o.procedure == "adversarial" && o.check_steps > 0) {
    trainer.robust_check = RobustCheck{o.epsilon, o.check_steps};
  }
  trainer.freeze_normalisation = o.freeze_normalisation;
  trainer.select = ValueOf(kSelections, o.select, "selection");
  trainer.patience = o.patience;
  trainer.min_delta = o.min_delta;
  return trainer;
}

std::unique_ptr<Objective> ObjectiveOf(const TrainOptions& o, const Dataset& dataset,
                                       const std::vector<int>& train) {
  JointObjectiveOptions joint;
  joint.lambda1 = o.lambda1;
  joint.lambda2 = o.lambda2;
  joint.lambda3 = o.lambda3;
  joint.xi = o.xi;
  joint.edge_filter = ValueOf(kEdgeFilters, o.edge_filter, "edge filter");
  joint.auxiliary_target = ValueOf(kAuxiliaryTargets, o.auxiliary_target, "auxiliary target");
  joint.label_smoothing = o.label_smoothing;
  joint.class_weights = ParseClassWeights(o, dataset, train);
  joint.detach_features = o.detach_features;
  if (o.procedure == "joint") return std::make_unique<JointObjective>(joint);

  AdversarialOptions adversarial;
  adversarial.joint = joint;
  adversarial.schedule.classes = static_cast<int>(dataset.class_names.size());
  adversarial.schedule.epsilon = o.epsilon;
  adversarial.schedule.beta = o.beta;
  adversarial.schedule.fairness = ValueOf(kFairness, o.fairness, "fairness");
  adversarial.schedule.sigma = o.sigma;
  adversarial.schedule.mu = o.mu;
  adversarial.schedule.adapt_epsilon = o.adapt_epsilon;
  adversarial.schedule.adapt_beta = o.adapt_beta;
  adversarial.schedule.dafa_lambda = o.dafa_lambda;
  adversarial.schedule.begin = o.begin;
  adversarial.schedule.ramp = o.ramp;
  adversarial.scope = ValueOf(kScopes, o.scope, "scope");
  adversarial.accuracy = ValueOf(kAccuracies, o.accuracy_source, "accuracy source");
  adversarial.steps = o.attack_steps;
  adversarial.step_size = o.attack_step;
  adversarial.bf16_attack = o.attack_precision == "bf16";
  adversarial.luma_only = o.perturb == "luma";
  adversarial.detach_clean = o.detach_clean;
  return std::make_unique<AdversarialObjective>(adversarial);
}

Split MakeSplit(const TrainOptions& o, const Dataset& dataset) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  const Split split =
      o.folds.empty()
          ? SplitByPatient(dataset, o.test_fraction, o.validation_fraction, seed)
          : SplitByFold(dataset, LoadFolds(o.folds), o.fold, o.validation_fraction, seed);
  CheckPatientDisjoint(dataset, split);
  std::vector<bool> present(dataset.class_names.size()), trained(dataset.class_names.size());
  for (const Sample& sample : dataset.samples) present[sample.label] = true;
  for (int index : split.train) trained[dataset.samples[index].label] = true;
  for (std::size_t c = 0; c < present.size(); ++c) {
    if (!present[c] || trained[c]) continue;
    throw Error(ErrorKind::kMismatch,
                "no patient of grade " + dataset.class_names[c] +
                    " is left to train on; hold out fewer, by --folds, --test-fraction or "
                    "--validation-fraction");
  }
  return split;
}

std::string RunDescription(const OptionTable& table, const Dataset& dataset, const Split& split,
                           const Architecture& architecture, int processes) {
  json run = json::parse(table.ToJson());
  for (const char* free :
       {"epochs",       "patience",     "min_delta",    "device",  "threads",          "out",
        "work",         "json",         "name",         "licence", "citation",         "resume",
        "report_steps", "peer_timeout", "init",         "weights", "checkpoint_every", "data",
        "folds",        "false_flags",  "abstain_share"}) {
    run.erase(free);
  }
  // What --weights, --init and a file of TorchScript leave in the net beside its tensors.
  run["input_mean"] = architecture.mean;
  run["input_std"] = architecture.std;
  Sha256 script;
  script.Add(architecture.classifier_script.data(), architecture.classifier_script.size());
  run["classifier_script"] = script.Hex();
  run["processes"] = processes;
  run["dataset_digest"] = dataset.digest;
  run["training_pictures"] = split.train;
  return run.dump();
}

}  // namespace hepar
