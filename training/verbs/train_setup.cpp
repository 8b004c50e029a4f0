// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/train_setup.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/nets/torchscript_classifier.h"
#include "models/sha256.h"
#include "training/cli/common_options.h"
#include "training/trainer/adversarial_objective.h"

namespace hepar {
namespace {

using nlohmann::json;

}  // namespace

Architecture ArchitectureOf(const TrainOptions& o, int classes) {
  Architecture a = o.architecture;
  SetDecouplers(a.size, o.widths, &a);
  a.classes = classes;
  SetClassifier(o.architecture.classifier, ClassifierPlanes(a), o.preprocess.size, o.permission,
                &a);
  if (!o.weights.empty()) {
    // The normalization that ImageNet weights expect, as the mean over R, G and B.
    a.mean = 0.449;
    a.std = 0.226;
  }
  return a;
}

PreprocessOptions PreprocessOf(const TrainOptions& o) {
  PreprocessOptions preprocess = o.preprocess;
  preprocess.channels = o.architecture.planes == ColorPlanes::kY ? 1 : 3;
  return preprocess;
}

void StartFrom(const std::string& path, const ModelPermission& permission, SeverityNet net) {
  const Bundle bundle = LoadBundle(path, permission);
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
  TrainerOptions trainer = o.trainer;
  trainer.batch = o.batches.size;
  trainer.learning_rate.epochs = trainer.epochs;
  if (o.fawa) trainer.fair_average = o.fair_average;
  if (o.ChecksRobustness()) {
    trainer.robust_check = RobustCheck{o.adversarial.schedule.epsilon, o.check_steps};
  }
  return trainer;
}

OptimizerOptions OptimizerOptionsOf(const TrainOptions& o) {
  OptimizerOptions optimizer = o.optimizer;
  optimizer.learning_rate = o.trainer.learning_rate.base;
  return optimizer;
}

BatchesOptions BatchesOptionsOf(const TrainOptions& o) {
  BatchesOptions batches = o.batches;
  batches.seed = static_cast<std::uint64_t>(o.seed);
  if (o.augment) batches.augmentation = o.augmentation;
  return batches;
}

std::unique_ptr<Objective> ObjectiveOf(const TrainOptions& o, const Dataset& dataset,
                                       const std::vector<int>& train) {
  AdversarialOptions adversarial = o.adversarial;
  adversarial.joint.class_weights = o.class_weights.For(dataset, train);
  adversarial.schedule.classes = static_cast<int>(dataset.class_names.size());
  if (!o.IsAdversarial()) return std::make_unique<JointObjective>(adversarial.joint);
  return std::make_unique<AdversarialObjective>(adversarial);
}

Split MakeSplit(const TrainOptions& o, const Dataset& dataset) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  const Split split = o.scans.folds.empty()
                          ? SplitByPatient(dataset, o.test_fraction, o.validation_fraction, seed)
                          : SplitByFold(dataset, LoadFolds(o.scans.folds), o.scans.fold,
                                        o.validation_fraction, seed);
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
  if (std::count(trained.begin(), trained.end(), true) == 1) {
    const auto grade = std::find(trained.begin(), trained.end(), true) - trained.begin();
    throw Error(ErrorKind::kMismatch, "all pictures to train on are " +
                                          dataset.class_names[static_cast<std::size_t>(grade)] +
                                          "; a model that tells grades apart needs two or more");
  }
  if (split.train.size() < 2) {
    throw Error(ErrorKind::kMismatch,
                "there is one picture to train on; batch normalization needs two or more");
  }
  return split;
}

std::string RunDescription(const OptionTable& table, const Dataset& dataset, const Split& split,
                           const Architecture& architecture, int processes) {
  json run = json::parse(table.ToJson());
  for (const char* free : {"epochs",
                           "patience",
                           "min_delta",
                           "device",
                           "threads",
                           "out",
                           "work",
                           "json",
                           "name",
                           "licence",
                           "citation",
                           "resume",
                           "requeue_signal",
                           "report_steps",
                           "peer_timeout",
                           "overwrite",
                           "init",
                           "weights",
                           "checkpoint_every",
                           "data",
                           "folds",
                           "unfamiliar_share",
                           "unfamiliar_confidence",
                           "abstain_share",
                           "allow_code",
                           "model_sha256",
                           "trusted_keys"}) {
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
