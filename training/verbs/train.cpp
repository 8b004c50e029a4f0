// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/utils.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/folder_lock.h"
#include "models/nets/classifier.h"
#include "models/nets/weights_import.h"
#include "training/cli/exit_codes.h"
#include "training/cli/progress.h"
#include "training/cli/stop_request.h"
#include "training/cli/train_options.h"
#include "training/data/extra_data.h"
#include "training/distributed/communicator.h"
#include "training/report/baseline_report.h"
#include "training/report/guessing.h"
#include "training/report/html_report.h"
#include "training/report/loading_report.h"
#include "training/report/report.h"
#include "training/report/table.h"
#include "training/report/utf8.h"
#include "training/scoring/score.h"
#include "training/trainer/checkpoint.h"
#include "training/trainer/save_checked.h"
#include "training/trainer/trainer.h"
#include "training/trust/described.h"
#include "training/trust/trust_fit.h"
#include "training/verbs/device_option.h"
#include "training/verbs/threads.h"
#include "training/verbs/train_setup.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

// Above this the decoupler of common features passes its input on instead of decoupling.
constexpr double kCollapsedCorrelation = 0.99;

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
  std::string line =
      "epoch " + std::to_string(record.epoch) + "/" + std::to_string(o.trainer.epochs);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    line += "  " + terms[i].substr(0, terms[i].find("_loss")) + " " + Fixed(record.terms[i], 4);
  }
  line += "  train " + Percent(record.train_accuracy) + " %";
  if (const auto& v = record.validation) {
    line += "  validation loss " + Fixed(v->loss, 4) + " balanced " +
            Percent(v->balanced_accuracy) + " % by patient " +
            Percent(v->patient_balanced_accuracy) + " %";
    if (v->robust_accuracy) {
      line += " under attack " + Percent(*v->robust_accuracy) + " % worst class " +
              Percent(*v->robust_worst) + " %";
    }
  }
  return line + "  " + Fixed(record.seconds, 1) + " s  " + Fixed(record.peak_memory_mib, 0) +
         " MiB";
}

// The class-wise schedule of an epoch, a line for each figure.
std::string ClassLines(const EpochRecord& record, const std::vector<std::string>& class_names) {
  std::string text;
  for (const ClassFigures& figures : record.per_class) {
    const bool budget = figures.name == "epsilon";
    text += "    " + (budget ? std::string("epsilon x 255") : figures.name) + ":";
    for (std::size_t k = 0; k < figures.values.size(); ++k) {
      text += " " + class_names[k] + " " + Fixed(figures.values[k] * (budget ? 255 : 1), 3);
    }
    text += "\n";
  }
  return text;
}

// One run of `hepar train`, after its options are read.
class TrainingRun {
 public:
  TrainingRun(const TrainOptions& options, const OptionTable& table)
      : options_(options),
        table_(table),
        launch_(ReadLaunch()),
        // Only rank 0 writes output.
        text_(launch_.rank > 0 ? nullptr : options.output.text().rdbuf()),
        trainer_(TrainerOptionsOf(options)),
        device_(DeviceOf(options.device.name, launch_)) {
    SetThreads(options.device);
    work_ = options.work.empty() ? options.out + ".work" : options.work;
    checkpoint_ = work_ / "last.ckpt";
  }

  int Run() {
    // Where nothing is lost, also before and after training, the signal ends the run at once.
    std::optional<ExitOnSignal> leave;
    if (requeue_signal() != 0) leave.emplace(requeue_signal(), kExitRequeue);
    ChooseArchitecture();
    PrepareWorkFolder();
    LoadData();
    Join();
    BuildModel();
    if (!Train()) return Requeues() ? kExitRequeue : kExitInterrupted;
    Finish();
    return kExitOk;
  }

 private:
  // Each process of a machine uses its own GPU.
  static torch::Device DeviceOf(const std::string& name, const Launch& launch) {
    std::string device = DeviceOption(name);
    if (device != "cpu" && launch.size > 1 && name.find(':') == std::string::npos) {
      device = DeviceOption("cuda:" + std::to_string(launch.local_rank));
    }
    return torch::Device(device);
  }

  void Join() {
    CommunicatorOptions options;
    options.device = device_;
    options.collective_timeout = std::chrono::seconds(options_.peer_timeout);
    others_ = JoinFromEnvironment(options);
    if (!others_) return;
    text_ << "processes:  " << others_->size() << "\n";
  }

  bool speaks() const { return launch_.rank == 0; }

  int requeue_signal() const { return BatchSignal(options_.requeue_signal); }

  // Whether the stop of the training was requested by --requeue-signal, in any process.
  bool Requeues() {
    const bool here = requeue_signal() != 0 && StopRequest::RequestedBy(requeue_signal());
    if (!others_) return here;
    auto requests = torch::full({1}, here ? 1.0 : 0.0);
    others_->Sum(requests);
    return requests.item<double>() > 0;
  }

  void PrepareWorkFolder() {
    std::error_code error;
    fs::create_directories(work_, error);
    if (error) {
      throw Error(ErrorKind::kUnreadable,
                  "--work: cannot create " + work_.string() + ": " + error.message());
    }
    if (speaks()) LockWorkFolder();
    if (!options_.resume && fs::exists(checkpoint_)) {
      throw UsageError(checkpoint_.string() +
                       " exists from an unfinished run; resume it with --resume, remove it, or "
                       "give another --work");
    }
  }

  // For the process that writes.
  void LockWorkFolder() {
    lock_.emplace(work_.string());
    for (const fs::path& file : {fs::path(options_.out), checkpoint_, work_ / "log.jsonl",
                                 work_ / "log.csv", work_ / "report.html"}) {
      RemoveLeftovers(file.string());
    }
  }

  // Before the data is read, which takes longer than to find a classifier unusable.
  void ChooseArchitecture() {
    const auto classes = static_cast<int>(Dataset().class_names.size());
    architecture_ = WithExitCode(kExitModel, [&] { return ArchitectureOf(options_, classes); });
  }

  void LoadData() {
    WithExitCode(kExitInputData, [this] {
      Dataset dataset = LoadDataset(options_.scans.path, options_.scans.source);
      split_ = MakeSplit(options_, dataset);
      known_ = split_.train;
      data_digest_ = dataset.digest;
      if (!options_.extra_data.empty()) AddExtraData(&dataset);
      data_ = std::make_unique<PreparedDataset>(dataset, PreprocessOf(options_),
                                                options_.device.threads);
    });
    const Dataset& dataset = data_->dataset();
    if (speaks()) ReportLoading("train", dataset.summary, text_);
    text_ << "train:      " << Counts(dataset, split_.train) << "\n";
    if (!split_.validation.empty()) {
      text_ << "validation: " << Counts(dataset, split_.validation) << "\n";
    }
    if (!split_.test.empty()) text_ << "test:       " << Counts(dataset, split_.test) << "\n";
  }

  void AddExtraData(Dataset* dataset) {
    const Dataset extra = LoadDataset(options_.extra_data, options_.scans.source);
    const auto begin = static_cast<int>(dataset->samples.size());
    const auto count = static_cast<int>(extra.samples.size());
    *dataset = Joined(*dataset, extra);
    split_.train = Mixed(split_.train, begin, count, options_.extra_share);
    for (int index = begin; index < begin + count; ++index) known_.push_back(index);
  }

  void BuildModel() {
    torch::manual_seed(options_.seed);
    SeverityNet net(architecture_);
    if (CountTrainable(*net->classifier) == 0) {
      if (options_.trainer.freeze_decouplers_after > 0) {
        throw UsageError(
            "--freeze-decouplers-after: the classifier has no parameter that can learn");
      }
      std::cerr << "hepar train: warning: the classifier has no parameter that can learn; only the "
                   "decouplers will\n";
    }
    if (!options_.init.empty()) {
      WithExitCode(kExitModel, [&] { StartFrom(options_.init, options_.permission, net); });
      text_ << "init:       " << fs::path(options_.init).filename().string() << "\n";
    }
    if (!options_.weights.empty()) {
      const auto how = options_.first_layer_luma ? FirstLayer::kLuma : FirstLayer::kRepeat;
      const ImportReport report = WithExitCode(
          kExitModel, [&] { return ImportClassifierWeights(options_.weights, how, net); });
      if (options_.freeze_weights) {
        for (torch::Tensor parameter : report.parameters) parameter.set_requires_grad(false);
      }
      text_ << "weights:    " << report.loaded << " tensors taken"
            << (options_.freeze_weights ? ", frozen, " : ", ") << report.skipped << " left out\n";
    }
    net->to(device_);

    objective_ = ObjectiveOf(options_, data_->dataset(), split_.train);
    state_ = std::make_unique<TrainingState>(net, OptimizerOptionsOf(options_));
    run_ = RunDescription(table_, data_->dataset(), split_, net->architecture, launch_.size);
    // Building the net drew from the generator; training starts from a state that does not depend
    // on how much.
    torch::manual_seed(options_.seed);

    if (others_) {
      // Also the options that a resumed run may change, but that all processes must share.
      const json length = {trainer_.epochs, trainer_.patience, trainer_.min_delta,
                           options_.report_steps};
      others_->RequireSame({{"run (options, data and their parts)", run_},
                            {"length of the run", length.dump()},
                            {"start (the weights)", ParameterDigest(net)}});
      SynchronizeNormalization(*state_->net, *others_);
    }
    Resume();
    text_ << "device:     " << device_ << std::endl;
  }

  // Resumes from the checkpoint of the work folder, if requested; several processes from
  // that of rank 0, which need not be on a disk that all see.
  void Resume() {
    std::string content;
    WithExitCode(kExitModel, [&] {
      const bool there = speaks() && options_.resume && fs::exists(checkpoint_);
      if (there) content = ReadCheckpoint(checkpoint_.string());
      if (others_) content = FromFirst(content);
      if (content.empty()) return;
      LoadCheckpoint(checkpoint_.string(), content, run_, device_, *state_, *objective_);
    });
    if (!content.empty()) {
      text_ << "resumed:    after epoch " << state_->epoch << ", step " << state_->step << "\n";
    } else if (options_.resume) {
      text_ << "no checkpoint in " << work_.string() << ": starting from the beginning\n";
    }
  }

  // The text that rank 0 has.
  std::string FromFirst(const std::string& own) {
    auto size = torch::tensor({static_cast<std::int64_t>(own.size())});
    others_->Broadcast({size});
    std::string text(static_cast<std::size_t>(size.item<std::int64_t>()), '\0');
    if (text.empty()) return text;
    if (speaks()) text = own;
    auto bytes = torch::from_blob(text.data(), {size.item<std::int64_t>()}, torch::kUInt8);
    others_->Broadcast({bytes});
    return text;
  }

  Batches MakeBatches() const {
    BatchesOptions options = BatchesOptionsOf(options_);
    options.prefetch = device_.is_cuda() || options_.device.threads > 1;
    const Parts parts{{ShardByPatient(data_->dataset(), split_.train, launch_.size, launch_.rank)},
                      launch_.rank,
                      static_cast<int>(split_.train.size())};
    return Batches(*data_, parts, options, device_);
  }

  // False when it was interrupted.
  bool Train() {
    Batches batches = MakeBatches();
    const auto terms = objective_->TermNames();
    const auto& class_names = data_->dataset().class_names;
    Progress progress("training", trainer_.epochs * batches.steps(), "steps");
    TrainingHooks hooks;
    hooks.stop_requested = StopRequest::Requested;
    hooks.step_done = [&](int step) {
      if (!speaks()) return;
      progress.Update(state_->epoch * batches.steps() + step,
                      "epoch " + std::to_string(state_->epoch + 1));
    };
    hooks.epoch_done = [&](const EpochRecord& record) {
      if (!speaks()) return;
      progress.Clear();
      text_ << EpochLine(record, options_, terms) << "\n"
            << ClassLines(record, class_names) << std::flush;
      if (state_->epoch % options_.checkpoint_every == 0) Checkpoint();
      WriteFileAtomically((work_ / "log.jsonl").string(),
                          LogAsJsonLines(*state_, terms, class_names));
      WriteFileAtomically((work_ / "log.csv").string(), LogAsCsv(*state_, terms, class_names));
      WriteReport(ordered_json::object());
    };

    // What follows is short; Ctrl-C ends it as usual.
    const TrainingEnd end = [&] {
      const StopRequest stop;
      return Trainer(trainer_, {*data_, batches, split_.validation, device_, others_.get()},
                     *objective_, hooks)
          .Run(*state_);
    }();
    progress.Clear();
    if (end == TrainingEnd::kInterrupted) {
      if (!speaks()) return false;
      Checkpoint();
      std::cerr << "hepar train: interrupted in epoch " << state_->epoch + 1 << " after step "
                << state_->step << "; the same command with --resume continues from "
                << checkpoint_.string() << "\n";
      return false;
    }
    if (end == TrainingEnd::kStoppedEarly) {
      text_ << "no gain for " << trainer_.patience << " epochs: stopped early\n";
    }
    return true;
  }

  void WriteReport(const ordered_json& metrics) const {
    TrainingReport report;
    report.title = NameOfModel();
    report.subtitle = "preset " + options_.preset + ", " + options_.architecture.size +
                      " decouplers, " + options_.architecture.classifier + ", " +
                      std::to_string(options_.preprocess.size) + " pixels";
    report.class_names = data_->dataset().class_names;
    report.terms = objective_->TermNames();
    report.history = state_->history;
    report.kept_epoch = state_->best_epoch > 0 ? state_->best_epoch : state_->epoch;
    report.metrics = metrics;
    report.options = ordered_json::parse(table_.ToJson());
    WriteFileAtomically((work_ / "report.html").string(), TrainingReportHtml(report));
  }

  std::string NameOfModel() const {
    return ValidUtf8(options_.name.empty() ? fs::path(options_.out).stem().string()
                                           : options_.name);
  }

  void Checkpoint() { SaveCheckpoint(checkpoint_.string(), run_, *state_, *objective_, device_); }

  // Simple measurements of the same pictures, without intervals: a part has few patients.
  ordered_json BaselinesOf(const std::vector<int>& part, const Predictions& answers) const {
    BaselineInput input;
    for (const int index : part) {
      const Sample& sample = data_->dataset().samples[index];
      input.frames.values.push_back(MeasurePicture(data_->image(index).pixels));
      input.frames.labels.push_back(sample.label);
      input.frames.patients.push_back(sample.patient);
    }
    input.model = answers;
    input.grades = static_cast<int>(data_->dataset().class_names.size());
    input.last_threshold = input.grades - 1;
    input.bootstrap.resamples = 0;
    return BaselinesToJson(input);
  }

  // Figures of the kept weights on one part; adds them to `metrics`, prints them and returns the
  // answers.
  Predictions Report(const std::string& name, const std::vector<int>& part, SeverityNet net,
                     ordered_json* metrics) {
    if (part.empty()) return {};
    const auto& class_names = data_->dataset().class_names;
    const Scores scores = Score(net, *data_, part, trainer_.batch, device_, others_.get());
    ordered_json figures = EvaluationToJson(scores.predictions, class_names);
    figures["loss"] = scores.loss;
    figures["baselines"] = BaselinesOf(part, scores.predictions);
    text_ << "\n" << name << " part\n" << EvaluationTable(scores.predictions, class_names);
    const std::string verdict = BaselineVerdict(figures["baselines"]);
    if (!verdict.empty()) text_ << verdict << ".\n";
    if (options_.report_steps > 0) {
      const RobustCheck check{options_.adversarial.schedule.epsilon, options_.report_steps};
      const Predictions attacked =
          ScoreAttacked(net, *data_, part, trainer_.batch, device_, check, others_.get());
      figures["under_attack"] = EvaluationToJson(attacked, class_names);
      figures["under_attack"]["attack"] = {{"name", "pgd"},
                                           {"steps", check.steps},
                                           {"epsilon", check.epsilon},
                                           {"scope", "end2end"}};
      text_ << "\n"
            << name << " part under an end-to-end attack (PGD, " << check.steps
            << " steps, epsilon " << Fixed(check.epsilon * 255, 2) << "/255)\n"
            << EvaluationTable(attacked, class_names);
    }
    (*metrics)[name] = figures;
    return scores.predictions;
  }

  // Temperature, abstention and out-of-domain score of the model; adds what came of it to `metrics`
  // and prints it.
  void FitTrustOf(const Predictions& validation, ModelSpec* spec, ordered_json* metrics) {
    UnseenAnswers unseen{validation, "the validation part"};
    if (validation.labels.empty()) {
      unseen.source =
          "there is no validation part; 'hepar trust --predictions' fits them to the answers of a "
          "cross-validation";
    }
    std::vector<int> known = known_;
    known.insert(known.end(), split_.validation.begin(), split_.validation.end());
    (*metrics)["trust"] = FitTrust(Described(*data_, known), unseen, options_.trust, spec);
    text_ << "\n" << TrustText((*metrics)["trust"]);
  }

  void WarnOfCollapse(SeverityNet net, ordered_json* metrics) {
    if (!net->ic2) return;
    // Some pictures from all over the training part are enough to see it.
    const std::size_t count = std::min<std::size_t>(split_.train.size(), 64);
    std::vector<int> part;
    for (std::size_t i = 0; i < count; ++i) {
      part.push_back(split_.train[i * split_.train.size() / count]);
    }
    const double correlation =
        Score(net, *data_, part, trainer_.batch, device_, others_.get()).feature_correlation;
    (*metrics)["feature_correlation"] = correlation;
    if (correlation > kCollapsedCorrelation && speaks()) {
      std::cerr << "hepar train: warning: Feat2 is a copy of the picture (correlation "
                << Fixed(correlation, 4)
                << "), so no features were decoupled; try --ic2-skips no_top or none\n";
    }
  }

  // What to tell where the model answers no better than somebody who does not look; adds to
  // `metrics` what was compared.
  std::string WarningOfGuessing(const Predictions& validation, const Predictions& test,
                                ordered_json* metrics) const {
    const bool validated = !validation.labels.empty();
    const Predictions& frames = validated ? validation : test;
    if (frames.labels.empty()) return "";
    const auto& class_names = data_->dataset().class_names;
    const std::string part = validated ? "validation" : "test";
    const GuessingTest compared =
        CompareWithGuessing(ByPatient(frames), static_cast<int>(class_names.size()));
    (*metrics)["guessing"] = {{"part", part},
                              {"patients", compared.cases},
                              {"balanced_accuracy", compared.balanced_accuracy},
                              {"chance", compared.chance},
                              {"p_value", compared.p_value}};
    if (compared.IsBetter()) return "";
    return GuessingWarning(compared, part, class_names, state_->history.back().train_accuracy);
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
    const Predictions validation = Report("validation", split_.validation, net, &metrics);
    const Predictions test = Report("test", split_.test, net, &metrics);
    WarnOfCollapse(net, &metrics);
    if (!speaks()) return;
    const std::string guessing = WarningOfGuessing(validation, test, &metrics);
    if (options_.fawa && !state_->fair_average_begun) {
      std::cerr << "hepar train: warning: in no epoch did every class reach --fawa-threshold, so "
                   "nothing was averaged\n";
    }
    ModelSpec spec;
    spec.name = NameOfModel();
    spec.class_names = data_->dataset().class_names;
    spec.preprocess = PreprocessOf(options_);
    FitTrustOf(validation, &spec, &metrics);
    WriteReport(metrics);
    spec.training_options = table_.ToJson();
    spec.metrics = JsonText(metrics);
    spec.dataset_digest = data_digest_;
    spec.licence = ValidUtf8(options_.license);
    spec.citation = ValidUtf8(options_.citation);
    spec = SaveCheckedBundle(options_.out, spec, net);
    // The run is complete; its checkpoint would block the next run.
    fs::remove(checkpoint_);

    text_ << "\nkept epoch " << metrics["kept_epoch"] << " of " << state_->epoch << ", "
          << Fixed(seconds / state_->epoch, 1) << " s per epoch, peak memory " << Fixed(peak, 0)
          << " MiB\nwrote " << options_.out << " (id " << spec.id.substr(0, 12) << ") and "
          << (work_ / "report.html").string() << "\n";
    metrics["model"] = fs::path(options_.out).filename().string();
    metrics["model_id"] = spec.id;
    // Not in the bundle: they name files and patients.
    metrics["data"] = LoadingToJson(data_->dataset().summary);
    metrics["warnings"] = data_->dataset().summary.warnings;
    metrics["options"] = ordered_json::parse(table_.ToJson());
    options_.output.Write(metrics);
    // The last that is read.
    text_ << std::flush;
    if (!guessing.empty()) std::cerr << "hepar train: warning: " << guessing << "\n";
  }

  const TrainOptions& options_;
  const OptionTable& table_;
  Launch launch_;
  std::ostream text_;
  TrainerOptions trainer_;
  torch::Device device_;
  Architecture architecture_;
  fs::path work_, checkpoint_;
  std::optional<FolderLock> lock_;  // On the work folder.
  Split split_;
  std::vector<int> known_;   // The training pictures, each once.
  std::string data_digest_;  // Of --data alone.
  std::unique_ptr<PreparedDataset> data_;
  std::unique_ptr<Communicator> others_;  // Null when this process trains alone.
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<TrainingState> state_;
  std::string run_;
};

}  // namespace

int RunTrain(const std::vector<std::string>& arguments) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, ClassifierNames());
  if (!ReadOptions(&table, arguments)) return kExitOk;
  CheckTrainOptions(options);
  for (const std::string& idle : IdleTrainOptions(table, options)) {
    std::cerr << "hepar train: warning: " << idle << "\n";
  }
  return TrainingRun(options, table).Run();
}

}  // namespace hepar
