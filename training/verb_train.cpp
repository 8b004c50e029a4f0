// SPDX-License-Identifier: LGPL-2.1-or-later
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <opencv2/core.hpp>
#include <sstream>

#include "models/bundle/bundle.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/weights_import.h"
#include "training/evaluation/report.h"
#include "training/exit_codes.h"
#include "training/procedure/checkpoint.h"
#include "training/procedure/trainer.h"
#include "training/progress.h"
#include "training/table.h"
#include "training/train_options.h"
#include "training/verbs.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

// Above this the decoupler of common features passes its input on instead of decoupling.
constexpr double kCollapsedCorrelation = 0.99;

volatile sig_atomic_t stop_requested = 0;

// The first Ctrl-C asks for a stop; the second ends the program as usual.
void RequestStopOnInterrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = 1; };
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

// Wrong combinations and places that cannot be written are found before hours are spent.
void CheckOptions(const TrainOptions& o) {
  if (o.data.empty()) throw Invalid("--data is missing: the labelled scans to train on");
  if (o.out.empty()) throw Invalid("--out is missing: the model bundle to write");
  if (o.fold >= 0 && o.folds.empty()) throw Invalid("--fold needs --folds");
  if (!o.folds.empty() && o.test_fraction > 0) {
    throw Invalid("--test-fraction cannot be combined with --folds; the fold is the test part");
  }
  if (o.first_layer != "repeat" && o.weights.empty()) {
    throw Invalid("--first-layer needs --weights");
  }
  const fs::path folder = fs::path(o.out).parent_path();
  if (!folder.empty() && !fs::is_directory(folder)) {
    throw Invalid("--out: the folder " + folder.string() + " does not exist");
  }
}

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
  return weights;
}

Architecture ArchitectureOf(const TrainOptions& o, int classes) {
  Architecture a;
  a.size = o.size;
  a.decoupler = DecouplerShapeOf(o.size);
  a.planes = ParseColorPlanes(o.planes);
  a.feature_channels = o.feature_channels;
  a.ic2_skips = ParseDecouplerSkips(o.ic2_skips);
  a.classifier = o.classifier;
  a.final_relu = o.final_relu;
  a.classes = classes;
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
  trainer.select = o.select == "loss" ? TrainerOptions::Select::kLoss
                                      : TrainerOptions::Select::kBalancedAccuracy;
  trainer.patience = o.patience;
  trainer.min_delta = o.min_delta;
  return trainer;
}

Split MakeSplit(const TrainOptions& o, const Dataset& dataset) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  const Split split =
      o.folds.empty()
          ? SplitByPatient(dataset, o.test_fraction, o.validation_fraction, seed)
          : SplitByFold(dataset, LoadFolds(o.folds), o.fold, o.validation_fraction, seed);
  CheckPatientDisjoint(dataset, split);
  return split;
}

// What must be the same for a checkpoint to go on: all options but those that do not touch the
// numbers, and the data.
std::string RunDescription(const OptionTable& table, const Dataset& dataset, const Split& split) {
  json run = json::parse(table.ToJson());
  for (const char* free :
       {"epochs", "patience", "min_delta", "device", "threads", "out", "work", "json", "name",
        "licence", "citation", "resume", "checkpoint_every", "data", "folds"}) {
    run.erase(free);
  }
  run["dataset_digest"] = dataset.digest;
  run["training_pictures"] = split.train;
  return run.dump();
}

std::string Counts(const Dataset& dataset, const std::vector<int>& part) {
  std::vector<int> pictures(dataset.class_names.size(), 0);
  std::vector<std::string> patients;
  for (int index : part) {
    ++pictures[dataset.samples[index].label];
    patients.push_back(dataset.samples[index].patient);
  }
  std::sort(patients.begin(), patients.end());
  const auto distinct = std::unique(patients.begin(), patients.end()) - patients.begin();
  std::string text =
      std::to_string(part.size()) + " pictures of " + std::to_string(distinct) + " patients (";
  for (std::size_t c = 0; c < pictures.size(); ++c) {
    text += (c ? ", " : "") + dataset.class_names[c] + " " + std::to_string(pictures[c]);
  }
  return text + ")";
}

std::string EpochLine(const EpochRecord& record, const TrainOptions& o,
                      const std::vector<std::string>& terms) {
  std::string line = "epoch " + std::to_string(record.epoch) + "/" + std::to_string(o.epochs);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    line += "  " + terms[i].substr(0, terms[i].find("_loss")) + " " + Fixed(record.terms[i], 4);
  }
  line += "  train " + Percent(record.train_accuracy) + " %";
  if (const auto& v = record.validation) {
    line += "  validation loss " + Fixed(v->loss, 4) + " balanced " +
            Percent(v->balanced_accuracy) + " % by patient " +
            Percent(v->patient_balanced_accuracy) + " %";
  }
  return line + "  " + Fixed(record.seconds, 1) + " s  " + Fixed(record.peak_memory_mib, 0) +
         " MiB";
}

// One run of `hepar train`, after its options are read.
class TrainingRun {
 public:
  TrainingRun(const TrainOptions& options, const OptionTable& table)
      : options_(options),
        table_(table),
        text_(options.json == "-" ? std::cerr : std::cout),
        trainer_(TrainerOptionsOf(options)),
        device_(ResolveDevice(options.device)) {
    SetIntraOpThreads(options.threads);
    cv::setNumThreads(options.threads);
    work_ = options.work.empty() ? options.out + ".work" : options.work;
    checkpoint_ = work_ / "last.ckpt";
  }

  int Run() {
    PrepareWorkFolder();
    LoadData();
    BuildModel();
    if (!Train()) return kExitInterrupted;
    Finish();
    return kExitOk;
  }

 private:
  void PrepareWorkFolder() {
    std::error_code error;
    fs::create_directories(work_, error);
    if (error) {
      throw Error(ErrorKind::kUnreadable,
                  "--work: cannot create " + work_.string() + ": " + error.message());
    }
    if (!options_.resume && fs::exists(checkpoint_)) {
      throw Invalid(checkpoint_.string() +
                    " is there from an unfinished run; go on with it by --resume, remove it, or "
                    "give another --work");
    }
  }

  void LoadData() {
    WithExitCode(kExitInputData, [this] {
      const Dataset dataset = LoadDataset(options_.data);
      split_ = MakeSplit(options_, dataset);
      data_ = std::make_unique<PreparedDataset>(dataset, PreprocessOf(options_), options_.threads);
    });
    const Dataset& dataset = data_->dataset();
    text_ << "train:      " << Counts(dataset, split_.train) << "\n";
    if (!split_.validation.empty()) {
      text_ << "validation: " << Counts(dataset, split_.validation) << "\n";
    }
    if (!split_.test.empty()) text_ << "test:       " << Counts(dataset, split_.test) << "\n";
  }

  void BuildModel() {
    torch::manual_seed(options_.seed);
    const auto classes = static_cast<int>(data_->dataset().class_names.size());
    SeverityNet net(ArchitectureOf(options_, classes));
    if (!options_.weights.empty()) {
      const auto how = options_.first_layer == "luma" ? FirstLayer::kLuma : FirstLayer::kRepeat;
      const ImportReport report = WithExitCode(
          kExitModel, [&] { return ImportClassifierWeights(options_.weights, how, net); });
      text_ << "weights:    " << report.loaded << " tensors taken, " << report.skipped
            << " left out\n";
    }
    net->to(device_);

    JointObjectiveOptions objective;
    objective.lambda1 = options_.lambda1;
    objective.lambda2 = options_.lambda2;
    objective.lambda3 = options_.lambda3;
    objective.xi = options_.xi;
    objective.label_smoothing = options_.label_smoothing;
    objective.class_weights = ParseClassWeights(options_, data_->dataset(), split_.train);
    objective_ = std::make_unique<JointObjective>(objective);

    OptimizerOptions optimizer;
    optimizer.name = options_.optimizer;
    optimizer.learning_rate = options_.learning_rate;
    optimizer.weight_decay = options_.weight_decay;
    optimizer.classifier_factor = options_.classifier_factor;
    state_ = std::make_unique<TrainingState>(net, optimizer);
    run_ = RunDescription(table_, data_->dataset(), split_);
    // Building the net drew from the generator; training starts from a state that does not depend
    // on how much.
    torch::manual_seed(options_.seed);

    if (options_.resume && fs::exists(checkpoint_)) {
      WithExitCode(kExitModel, [this] {
        LoadCheckpoint(checkpoint_.string(), run_, device_, *state_, *objective_);
      });
      text_ << "resumed:    after epoch " << state_->epoch << ", step " << state_->step << "\n";
    } else if (options_.resume) {
      text_ << "no checkpoint in " << work_.string() << ": starting anew\n";
    }
    text_ << "device:     " << device_ << std::endl;
  }

  // False when it was interrupted.
  bool Train() {
    BatchOptions batch_options;
    batch_options.size = options_.batch;
    batch_options.seed = static_cast<std::uint64_t>(options_.seed);
    if (options_.augment) batch_options.augmentation = options_.augmentation;
    batch_options.prefetch = device_.is_cuda() || options_.threads > 1;
    Batches batches(*data_, split_.train, batch_options, device_);

    const auto terms = objective_->TermNames();
    Progress progress("training", options_.epochs * batches.steps(), "steps");
    TrainingHooks hooks;
    hooks.stop_requested = [] { return stop_requested != 0; };
    hooks.step_done = [&](int step) {
      progress.Update(state_->epoch * batches.steps() + step,
                      "epoch " + std::to_string(state_->epoch + 1));
    };
    hooks.epoch_done = [&](const EpochRecord& record) {
      progress.Clear();
      text_ << EpochLine(record, options_, terms) << std::endl;
      if (state_->epoch % options_.checkpoint_every == 0) Checkpoint();
      WriteFileAtomically((work_ / "log.jsonl").string(), LogAsJsonLines(*state_, terms));
      WriteFileAtomically((work_ / "log.csv").string(), LogAsCsv(*state_, terms));
    };

    RequestStopOnInterrupt();
    const TrainingEnd end = hepar::Train(trainer_, *data_, batches, split_.validation, device_,
                                         *objective_, hooks, *state_);
    progress.Clear();
    if (end == TrainingEnd::kInterrupted) {
      Checkpoint();
      std::cerr << "hepar train: interrupted in epoch " << state_->epoch + 1 << " after step "
                << state_->step << "; the same command with --resume goes on from "
                << checkpoint_.string() << "\n";
      return false;
    }
    if (end == TrainingEnd::kStoppedEarly) {
      text_ << "no gain for " << options_.patience << " epochs: stopped early\n";
    }
    return true;
  }

  void Checkpoint() { SaveCheckpoint(checkpoint_.string(), run_, *state_, *objective_, device_); }

  // Figures of the kept weights on one part; adds them to `metrics` and prints them.
  void Report(const std::string& name, const std::vector<int>& part, SeverityNet net,
              ordered_json* metrics) {
    if (part.empty()) return;
    const auto& class_names = data_->dataset().class_names;
    const Scores scores = Score(net, *data_, part, options_.batch, device_);
    ordered_json figures = EvaluationToJson(scores.predictions, class_names);
    figures["loss"] = scores.loss;
    (*metrics)[name] = figures;
    text_ << "\n" << name << " part\n" << EvaluationTable(scores.predictions, class_names);
  }

  void WarnOfCollapse(SeverityNet net, ordered_json* metrics) {
    // Some pictures from all over the training part are enough to see it.
    const std::size_t count = std::min<std::size_t>(split_.train.size(), 64);
    std::vector<int> part;
    for (std::size_t i = 0; i < count; ++i) {
      part.push_back(split_.train[i * split_.train.size() / count]);
    }
    const double correlation =
        Score(net, *data_, part, options_.batch, device_).feature_correlation;
    (*metrics)["feature_correlation"] = correlation;
    if (correlation > kCollapsedCorrelation) {
      std::cerr << "hepar train: warning: Feat2 is a copy of the picture (correlation "
                << Fixed(correlation, 4)
                << "), so nothing was decoupled; try --ic2-skips no_top or none\n";
    }
  }

  void Finish() {
    SeverityNet net = state_->Result(trainer_);
    double seconds = 0.0, peak = 0.0;
    for (const EpochRecord& record : state_->history) {
      seconds += record.seconds;
      peak = std::max(peak, record.peak_memory_mib);
    }
    ordered_json metrics = {{"epochs", state_->epoch},
                            {"kept_epoch", state_->best_epoch ? state_->best_epoch : state_->epoch},
                            {"seconds_per_epoch", seconds / state_->epoch},
                            {"peak_memory_mib", peak}};
    Report("validation", split_.validation, net, &metrics);
    Report("test", split_.test, net, &metrics);
    WarnOfCollapse(net, &metrics);

    ModelSpec spec;
    spec.name = options_.name.empty() ? fs::path(options_.out).stem().string() : options_.name;
    spec.class_names = data_->dataset().class_names;
    spec.preprocess = PreprocessOf(options_);
    spec.training_options = table_.ToJson();
    spec.metrics = metrics.dump();
    spec.dataset_digest = data_->dataset().digest;
    spec.licence = options_.licence;
    spec.citation = options_.citation;
    spec = SaveBundle(options_.out, spec, net);
    // The run is complete; the checkpoint would only stand in the way of the next.
    fs::remove(checkpoint_);

    text_ << "\nkept epoch " << metrics["kept_epoch"] << " of " << state_->epoch << ", "
          << Fixed(seconds / state_->epoch, 1) << " s per epoch, peak memory " << Fixed(peak, 0)
          << " MiB\nwrote " << options_.out << " (id " << spec.id.substr(0, 12) << ")\n";
    if (!options_.json.empty()) {
      metrics["model"] = fs::path(options_.out).filename().string();
      metrics["model_id"] = spec.id;
      metrics["options"] = ordered_json::parse(table_.ToJson());
      WriteJson(options_.json, metrics);
    }
  }

  const TrainOptions& options_;
  const OptionTable& table_;
  std::ostream& text_;
  TrainerOptions trainer_;
  torch::Device device_;
  fs::path work_, checkpoint_;
  Split split_;
  std::unique_ptr<PreparedDataset> data_;
  std::unique_ptr<JointObjective> objective_;
  std::unique_ptr<TrainingState> state_;
  std::string run_;
};

}  // namespace

int RunTrain(const std::vector<std::string>& arguments) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  CheckOptions(options);
  return TrainingRun(options, table).Run();
}

}  // namespace hepar
