// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "models/file_io.h"
#include "training/ablation/ablation.h"
#include "training/ablation/plan.h"
#include "training/ablation/plan_record.h"
#include "training/ablation/summary.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/cli/stop_request.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"
#include "training/report/baseline_report.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// The input size for the baselines; models may receive smaller pictures.
constexpr int kBaselineSize = 224;

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

// The simple image measurements of the scans that are scored.
ordered_json BaselinesOf(const AblationScans& scans, const BootstrapOptions& bootstrap) {
  PreprocessOptions preprocess;
  preprocess.size = kBaselineSize;
  const PreparedDataset data(LoadDataset(scans.folds.empty() ? scans.test : scans.data),
                             preprocess);
  BaselineInput input;
  for (int i = 0; i < data.size(); ++i) {
    const Sample& sample = data.dataset().samples[i];
    input.frames.values.push_back(MeasurePicture(data.image(i).pixels));
    input.frames.labels.push_back(sample.label);
    input.frames.patients.push_back(sample.patient);
    if (scans.split.count > 0) input.group_of.push_back(scans.split.FoldOf(sample.patient));
  }
  input.grades = static_cast<int>(data.dataset().class_names.size());
  input.last_threshold = input.grades - 1;
  input.bootstrap = bootstrap;
  return BaselinesToJson(input);
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
  AblationScans scans = {options.data, options.folds, options.test, {}};
  if (!scans.folds.empty()) {
    scans.split = WithExitCode(kExitInputData, [&] { return LoadFolds(scans.folds); });
  }
  const Ablation ablation(plan, scans, options.out, options.list, options.allow_code);
  std::ostream& text = options.output.text();
  const PlanRecord record = RecordPlan(options.out, options.plans[0], ablation.Configurations(),
                                       ablation.HasResults(), options.list);
  if (record.changed_now) {
    std::cerr << "hepar ablate: warning: the plan differs from the one that was recorded for this "
                 "folder. "
              << record.Sentence() << "\n";
  }
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
  const std::vector<AblationRow> rows = ablation.Rows(class_names);
  ordered_json summary = SummaryToJson(rows, class_names, options.bootstrap);
  summary["plan"] = record.ToJson();
  summary["plan"]["sentence"] = record.Sentence();
  if (ablation.IsNested()) {
    AddNested(ablation.Nested(rows, class_names), plan.choose_by,
              plan.nested == AblationPlan::Nested::kFull ? "full" : "cross-fitted",
              static_cast<int>(record.configurations.size()), options.bootstrap, &summary);
  }
  AddBaselines(WithExitCode(kExitInputData, [&] { return BaselinesOf(scans, options.bootstrap); }),
               &summary);
  const std::string markdown = SummaryMarkdown(
      summary, plan.title.empty() ? fs::path(options.plans[0]).stem().string() : plan.title);
  text << "\n" << markdown;
  if (!options.markdown.empty()) WriteFileAtomically(options.markdown, markdown);
  options.output.Write(summary);
  return kExitOk;
}

}  // namespace hepar
