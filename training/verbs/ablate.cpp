// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "models/file_io.h"
#include "training/ablation/ablation.h"
#include "training/ablation/plan.h"
#include "training/ablation/summary.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/cli/stop_request.h"
#include "training/data/dataset.h"
#include "training/data/split.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct AblateOptions {
  std::vector<std::string> plans;
  std::string data, folds, test, out, markdown;
  int jobs = 1;
  BootstrapOptions bootstrap;
  Output output;
  bool list = false, allow_code = false;
};

OptionTable MakeTable(AblateOptions* o) {
  OptionTable table(
      "ablate", "PLAN.ini --data PATH (--folds FILE | --test PATH) --out FOLDER [OPTION...]",
      "Trains every classifier with every variant of a plan, from several seeds, scores them on "
      "patients that they did not see, attacks them, and prints the tables beside those of the "
      "paper. A stopped run is resumed.");
  table.Heading("Options");
  table.Path("data", &o->data, "PATH", "Labeled scans, as for 'hepar train'");
  table.Required("the labeled scans to train on");
  table.Path("folds", &o->folds, "FILE",
             "CSV file with the columns patient_id and fold: cross-validation, a model for each "
             "fold, every patient scored by the model that did not see it");
  table.Path("test", &o->test, "PATH", "Labeled scans of other patients to score all models on");
  table.Path("out", &o->out, "FOLDER",
             "The folder for models, logs and results; runs of the same plan that it holds are not "
             "repeated");
  table.Required("the folder for models and results");
  table.Integer(
      "jobs", &o->jobs, 1, 256,
      "Programs that run at the same time, one thread each unless the plan says otherwise");
  table.Integer("resamples", &o->bootstrap.resamples, 0, 1000000,
                "Resamples of patients for the intervals");
  AddSeedOption(&table, &o->bootstrap.seed, "the resamples");
  o->output.AddTo(&table, "Write the results as JSON");
  table.Output("markdown", &o->markdown, "FILE", "Write the tables as Markdown");
  table.Switch(
      "allow-code", &o->allow_code,
      "Give all runs this option: run the program in a TorchScript classifier of the plan");
  table.Switch("list", &o->list, "Only list the runs, and which of them are done");
  table.Positional(&o->plans, 1);
  return table;
}

void CheckOptions(const AblateOptions& o) {
  if (o.plans.empty()) {
    throw UsageError(
        "which plan? usage: hepar ablate PLAN.ini --data PATH --folds FILE --out FOLDER");
  }
  if (o.folds.empty() == o.test.empty()) {
    throw UsageError(
        "give --folds, to score by cross-validation, or --test, other scans to score on");
  }
}

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
  if (!ReadOptions(&table, arguments)) return kExitOk;
  CheckOptions(options);
  const AblationPlan plan = ReadAblationPlan(options.plans[0]);
  AblationScans scans = {options.data, options.folds, options.test};
  if (!scans.folds.empty()) {
    scans.fold_count = WithExitCode(kExitInputData, [&] { return LoadFolds(scans.folds); }).count;
  }
  const Ablation ablation(plan, scans, options.out, options.list, options.allow_code);
  std::ostream& text = options.output.text();
  if (options.list) {
    for (const Job& job : ablation.jobs()) {
      text << (fs::exists(job.result) ? "done     " : "to do    ") << job.name << "\n";
    }
    return kExitOk;
  }
  if (RunAll(ablation.jobs(), options.jobs, text) == JobsEnd::kInterrupted) {
    std::cerr << "hepar ablate: interrupted; run the same command to resume\n";
    return kExitInterrupted;
  }

  const std::vector<std::string> class_names = Dataset().class_names;
  const ordered_json summary =
      SummaryToJson(ablation.Rows(class_names), class_names, options.bootstrap);
  const std::string markdown = SummaryMarkdown(
      summary, plan.title.empty() ? fs::path(options.plans[0]).stem().string() : plan.title);
  text << "\n" << markdown;
  if (!options.markdown.empty()) WriteFileAtomically(options.markdown, markdown);
  options.output.Write(summary);
  return kExitOk;
}

}  // namespace hepar
