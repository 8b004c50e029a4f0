// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "models/error.h"
#include "models/file_io.h"
#include "training/ablation/job_runner.h"
#include "training/ablation/plan.h"
#include "training/ablation/summary.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/progress.h"
#include "training/cli/stop_request.h"
#include "training/data/dataset.h"
#include "training/evaluation/predictions_file.h"
#include "training/report/report.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMaxResultBytes = 1 << 28;

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

struct AblateOptions {
  std::vector<std::string> plans;
  std::string data, folds, test, out, json, markdown;
  int jobs = 1, resamples = 2000, seed = 1;
  bool list = false;
};

OptionTable MakeTable(AblateOptions* o) {
  OptionTable table(
      "ablate", "PLAN.ini --data PATH (--folds FILE | --test PATH) --out FOLDER [OPTION...]",
      "Trains every classifier with every variant of a plan, from several seeds, scores them on "
      "patients that they did not see, attacks them, and prints the tables beside those of the "
      "paper. A run that was stopped goes on where it was.");
  table.Heading("Options");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("folds", &o->folds, "FILE",
             "CSV file with the columns patient_id and fold: cross-validation, a model for each "
             "fold, every patient scored by the model that did not see it");
  table.Path("test", &o->test, "PATH", "Labelled scans of other patients to score all models on");
  table.Path("out", &o->out, "FOLDER",
             "Where models, logs and figures go; what it holds of the same plan is not done again. "
             "Required");
  table.Integer("jobs", &o->jobs, 1, 256,
                "Programs that run side by side, one thread each unless the plan says more");
  table.Integer("resamples", &o->resamples, 0, 1000000, "Resamples of patients for the intervals");
  table.Integer("seed", &o->seed, 0, 2147483647, "Of the resamples");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  table.Path("markdown", &o->markdown, "FILE", "Write the tables as Markdown");
  table.Switch("list", &o->list, "Only list the runs, and which of them are done");
  table.Positional(&o->plans, 1);
  return table;
}

void CheckOptions(const AblateOptions& o) {
  if (o.plans.empty()) {
    throw Invalid("which plan? usage: hepar ablate PLAN.ini --data PATH --folds FILE --out FOLDER");
  }
  if (o.data.empty()) throw Invalid("--data is missing: the labelled scans to train on");
  if (o.out.empty()) throw Invalid("--out is missing: the folder for models and figures");
  if (o.folds.empty() == o.test.empty()) {
    throw Invalid("give --folds, to score by cross-validation, or --test, other scans to score on");
  }
}

// The runs of a plan, and what they leave behind.
class Ablation {
 public:
  Ablation(const AblateOptions& options, AblationPlan plan)
      : options_(options), plan_(std::move(plan)) {
    if (!options.folds.empty()) {
      folds_ = WithExitCode(kExitInputData, [&] { return LoadFolds(options.folds); }).count;
    }
    for (const AblationPart& classifier : plan_.classifiers) {
      for (const AblationPart& variant : plan_.variants) {
        for (const int seed : plan_.seeds) AddSeed(classifier, variant, seed);
      }
    }
    // Behind the trainings, so that the long runs fill the processors first.
    jobs_.insert(jobs_.end(), scoring_.begin(), scoring_.end());
  }

  const std::vector<Job>& jobs() const { return jobs_; }

  // What the runs wrote, when all of them are done.
  std::vector<AblationRow> Rows(const std::vector<std::string>& class_names) const {
    std::vector<AblationRow> rows;
    for (const AblationPart& classifier : plan_.classifiers) {
      for (const AblationPart& variant : plan_.variants) {
        AblationRow row{classifier.name, variant.name, {}};
        for (const int seed : plan_.seeds) {
          const fs::path folder = FolderOf(classifier.name, variant.name, seed);
          row.seeds.push_back(
              {ReadPredictions((folder / "scores.csv").string(), class_names), Attacks(folder)});
        }
        rows.push_back(std::move(row));
      }
    }
    return rows;
  }

 private:
  fs::path FolderOf(const std::string& classifier, const std::string& variant, int seed) const {
    return fs::path(options_.out) / classifier / variant / ("seed" + std::to_string(seed));
  }
  int models() const { return std::max(folds_, 1); }
  std::string ModelName(int index) const {
    return folds_ > 0 ? "fold" + std::to_string(index) : "model";
  }

  static void Append(const TrainSettings& settings, std::vector<std::string>* arguments) {
    for (const auto& [name, value] : settings) {
      // Switches take no value on the command line.
      if (value == "false") continue;
      arguments->push_back("--" + name);
      if (value != "true") arguments->push_back(value);
    }
  }

  void AddSeed(const AblationPart& classifier, const AblationPart& variant, int seed) {
    const fs::path folder = FolderOf(classifier.name, variant.name, seed);
    const std::string name =
        classifier.name + " " + variant.name + ", seed " + std::to_string(seed);
    std::vector<std::string> train = {"train"};
    for (const TrainSettings* settings : {&plan_.common, &classifier.settings, &variant.settings}) {
      Append(*settings, &train);
    }
    RememberSettings(folder, train, variant.init_from);
    std::vector<int> trainings;
    for (int i = 0; i < models(); ++i) {
      trainings.push_back(AddTraining(classifier, variant, seed, i, name, folder, train));
    }

    Job evaluate{name + ": scores",
                 {"evaluate"},
                 (folder / "scores.csv").string(),
                 (folder / "scores.log").string(),
                 trainings};
    for (int i = 0; i < models(); ++i) {
      evaluate.arguments.insert(evaluate.arguments.end(),
                                {"--model", (folder / (ModelName(i) + ".hepar")).string()});
    }
    AppendScored(&evaluate.arguments);
    evaluate.arguments.insert(evaluate.arguments.end(),
                              {"--bootstrap", "0", "--csv", evaluate.result});
    scoring_.push_back(std::move(evaluate));

    for (int i = 0; i < models() && !plan_.attacks.empty(); ++i) {
      const std::string model = ModelName(i);
      Job attack{name + ", " + model + ": attacks",
                 {"attack", "--model", (folder / (model + ".hepar")).string()},
                 (folder / (model + ".attacks.json")).string(),
                 (folder / (model + ".attacks.log")).string(),
                 {trainings[i]}};
      AppendScored(&attack.arguments);
      if (folds_ > 0) {
        attack.arguments.insert(attack.arguments.end(), {"--fold", std::to_string(i)});
      }
      attack.arguments.insert(attack.arguments.end(), {"--attacks", plan_.attacks, "--epsilon",
                                                       plan_.epsilon, "--json", attack.result});
      scoring_.push_back(std::move(attack));
    }
  }

  // The scans that are scored: those of the folds, or others.
  void AppendScored(std::vector<std::string>* arguments) const {
    if (folds_ > 0) {
      arguments->insert(arguments->end(), {"--data", options_.data, "--folds", options_.folds});
    } else {
      arguments->insert(arguments->end(), {"--data", options_.test});
    }
  }

  // Index of the job.
  int AddTraining(const AblationPart& classifier, const AblationPart& variant, int seed, int index,
                  const std::string& name, const fs::path& folder,
                  const std::vector<std::string>& train) {
    const std::string model = ModelName(index);
    const std::string out = (folder / (model + ".hepar")).string();
    Job job{
        name + ", " + model + ": training", train, out, (folder / (model + ".log")).string(), {}};
    job.arguments.insert(job.arguments.end(),
                         {"--seed", std::to_string(seed), "--data", options_.data, "--out", out,
                          "--resume", "--name", classifier.name + " " + variant.name});
    if (folds_ > 0) {
      job.arguments.insert(job.arguments.end(),
                           {"--folds", options_.folds, "--fold", std::to_string(index)});
    }
    if (!variant.init_from.empty()) {
      const auto from = FolderOf(classifier.name, variant.init_from, seed) / (model + ".hepar");
      job.arguments.insert(job.arguments.end(), {"--init", from.string()});
      job.after.push_back(JobWithResult(from.string()));
    }
    jobs_.push_back(std::move(job));
    return static_cast<int>(jobs_.size()) - 1;
  }

  int JobWithResult(const std::string& result) const {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                    [&](const Job& job) { return job.result == result; });
    return static_cast<int>(found - jobs_.begin());
  }

  // A folder that holds the models of other settings must not pass for done.
  void RememberSettings(const fs::path& folder, const std::vector<std::string>& settings,
                        const std::string& init_from) const {
    const fs::path file = folder / "settings.json";
    const std::string text = ordered_json{{"train", settings},       {"init_from", init_from},
                                          {"data", options_.data},   {"folds", options_.folds},
                                          {"test", options_.test},   {"attacks", plan_.attacks},
                                          {"epsilon", plan_.epsilon}}
                                 .dump(1);
    if (fs::exists(file)) {
      if (ReadFile(file.string(), kMaxResultBytes) == text) return;
      throw Invalid("--out: " + folder.string() +
                    " was made with other settings (see settings.json in it); remove it, or choose "
                    "another folder");
    }
    if (options_.list) return;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
      throw Error(ErrorKind::kUnreadable,
                  "--out: cannot create " + folder.string() + ": " + error.message());
    }
    WriteFileAtomically(file.string(), text);
  }

  // Pooled over the models of a seed, by the pictures of each.
  std::vector<AttackOutcome> Attacks(const fs::path& folder) const {
    std::vector<AttackOutcome> outcomes;
    double pictures = 0.0;
    for (int i = 0; i < models() && !plan_.attacks.empty(); ++i) {
      const auto path = folder / (ModelName(i) + ".attacks.json");
      const json results = json::parse(ReadFile(path.string(), kMaxResultBytes)).at("results");
      if (i == 0) outcomes.resize(results.size());
      for (std::size_t k = 0; k < outcomes.size(); ++k) {
        const double epsilon = results.at(k).at("epsilon");
        outcomes[k].attack = results.at(k).at("attack");
        if (epsilon > 0) outcomes[k].attack += ", " + Fixed(255 * epsilon, 2) + "/255";
        outcomes[k].accuracy += results.at(k).at("hits").get<double>();
      }
      pictures += results.at(0).at("pictures").get<double>();
    }
    for (AttackOutcome& outcome : outcomes) outcome.accuracy /= pictures;
    return outcomes;
  }

  const AblateOptions& options_;
  const AblationPlan plan_;
  int folds_ = 0;             // 0: one model, scored on other scans.
  std::vector<Job> jobs_;     // While they are gathered, the trainings only.
  std::vector<Job> scoring_;  // The others.
};

JobsEnd RunAll(const std::vector<Job>& jobs, int at_once, std::ostream& text) {
  const StopRequest stop;
  Progress progress("ablation", static_cast<int>(jobs.size()), "runs");
  JobHooks hooks;
  hooks.started = [&](const Job& job, int done, int) { progress.Update(done, job.name); };
  hooks.finished = [&](const Job& job, int done, int total) {
    progress.Clear();
    text << "[" << done << "/" << total << "] " << job.name << std::endl;
  };
  hooks.stop_requested = StopRequest::Requested;
  return RunJobs("/proc/self/exe", jobs, at_once, hooks);
}

}  // namespace

int RunAblate(const std::vector<std::string>& arguments) {
  AblateOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  CheckOptions(options);
  const AblationPlan plan = ReadAblationPlan(options.plans[0]);
  const Ablation ablation(options, plan);
  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  if (options.list) {
    for (const Job& job : ablation.jobs()) {
      text << (fs::exists(job.result) ? "done     " : "to do    ") << job.name << "\n";
    }
    return kExitOk;
  }
  if (RunAll(ablation.jobs(), options.jobs, text) == JobsEnd::kInterrupted) {
    std::cerr << "hepar ablate: interrupted; the same command goes on\n";
    return kExitInterrupted;
  }

  const std::vector<std::string> class_names = Dataset().class_names;
  BootstrapOptions bootstrap;
  bootstrap.resamples = options.resamples;
  bootstrap.seed = static_cast<std::uint64_t>(options.seed);
  const ordered_json summary = SummaryToJson(ablation.Rows(class_names), class_names, bootstrap);
  const std::string markdown = SummaryMarkdown(
      summary, plan.title.empty() ? fs::path(options.plans[0]).stem().string() : plan.title);
  text << "\n" << markdown;
  if (!options.markdown.empty()) WriteFileAtomically(options.markdown, markdown);
  if (!options.json.empty()) WriteJson(options.json, summary);
  return kExitOk;
}

}  // namespace hepar
