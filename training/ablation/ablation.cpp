// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/ablation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "models/error.h"
#include "models/file_io.h"
#include "training/data/csv.h"
#include "training/data/dataset.h"
#include "training/evaluation/predictions_file.h"
#include "training/report/table.h"

namespace hepar {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr std::size_t kMaxResultBytes = 1 << 28;

void Append(const TrainSettings& settings, std::vector<std::string>* arguments) {
  for (const auto& [name, value] : settings) {
    // Switches take no value on the command line.
    if (value == "false") continue;
    arguments->push_back("--" + name);
    if (value != "true") arguments->push_back(value);
  }
}

void CreateFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::kUnreadable,
                "--out: cannot create " + folder.string() + ": " + error.message());
  }
}

}  // namespace

Ablation::Ablation(AblationPlan plan, AblationScans scans, std::string out, bool list_only,
                   bool allow_code)
    : plan_(std::move(plan)),
      scans_(std::move(scans)),
      out_(std::move(out)),
      list_only_(list_only),
      outer_{"", scans_.data, scans_.folds, scans_.split.count} {
  const auto add = [this](const Stage& stage) {
    ForEachRun([&](const AblationPart& classifier, const AblationPart& variant, int seed) {
      AddSeed(classifier, variant, seed, stage);
    });
  };
  add(outer_);
  if (IsNested() && plan_.nested == AblationPlan::Nested::kFull) AddInnerStages();
  for (const Stage& stage : inner_) add(stage);
  jobs_.insert(jobs_.end(), scoring_.begin(), scoring_.end());
  for (Job& job : jobs_) {
    if (allow_code) job.arguments.emplace_back("--allow-code");
  }
}

std::string Ablation::Stage::ModelName(int index) const {
  return count > 0 ? "fold" + std::to_string(index) : "model";
}

void Ablation::ForEachRun(const Visit& visit) const {
  for (const AblationPart& classifier : plan_.classifiers) {
    for (const AblationPart& variant : plan_.variants) {
      for (const int seed : plan_.seeds) visit(classifier, variant, seed);
    }
  }
}

std::vector<std::string> Ablation::Configurations() const {
  std::vector<std::string> names;
  for (const AblationPart& classifier : plan_.classifiers) {
    for (const AblationPart& variant : plan_.variants) {
      names.push_back(AblationRow{classifier.name, variant.name, {}}.Method());
    }
  }
  return names;
}

bool Ablation::IsNested() const {
  return plan_.nested != AblationPlan::Nested::kOff && outer_.count > 1 &&
         Configurations().size() > 1;
}

bool Ablation::HasResults() const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [](const Job& job) { return fs::exists(job.result); });
}

NestedSelection Ablation::Nested(const std::vector<AblationRow>& rows,
                                 const std::vector<std::string>& class_names) const {
  std::vector<Configuration> configurations;
  for (const AblationRow& row : rows) {
    Configuration one{row.Method(), {}, {}};
    for (const AblationSeed& seed : row.seeds) one.seeds.push_back(seed.frames);
    for (const Stage& stage : inner_) {
      one.inner.emplace_back();
      for (const int seed : plan_.seeds) {
        const fs::path folder = FolderOf(row.classifier, row.variant, seed) / stage.folder;
        one.inner.back().push_back(ReadPredictions((folder / "scores.csv").string(), class_names));
      }
    }
    configurations.push_back(std::move(one));
  }
  return SelectNested(
      configurations, outer_.count,
      [this](const std::string& patient) { return scans_.split.FoldOf(patient); }, plan_.choose_by,
      static_cast<int>(class_names.size()));
}

std::vector<AblationRow> Ablation::Rows(const std::vector<std::string>& class_names) const {
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

std::filesystem::path Ablation::FolderOf(const std::string& classifier, const std::string& variant,
                                         int seed) const {
  return fs::path(out_) / classifier / variant / ("seed" + std::to_string(seed));
}

void Ablation::AddInnerStages() {
  if (outer_.count < 3) {
    throw Error(ErrorKind::kInvalid,
                "nested=full needs three folds or more: with two, no fold is left to score on "
                "inside");
  }
  if (fs::path(scans_.data).extension() == ".mat") {
    throw Error(ErrorKind::kInvalid,
                "nested=full needs scans in separate files: a manifest or a folder");
  }
  for (int fold = 0; fold < outer_.count; ++fold) {
    const fs::path base = fs::path(out_) / ("without-fold" + std::to_string(fold));
    inner_.push_back({base.filename().string(), base.string() + ".csv",
                      base.string() + "-folds.csv", outer_.count - 1});
    if (!list_only_) WriteWithoutFold(fold, inner_.back());
  }
}

void Ablation::WriteWithoutFold(int fold, const Stage& stage) const {
  const Dataset dataset = LoadDataset(scans_.data);
  std::string manifest = "path,label,patient_id\n";
  std::set<std::string> paths;  // A recording has a sample for each frame.
  for (const Sample& sample : dataset.samples) {
    if (scans_.split.FoldOf(sample.patient) == fold || !paths.insert(sample.path).second) continue;
    manifest += CsvField(fs::absolute(sample.path).string()) + "," +
                dataset.class_names[sample.label] + "," + CsvField(sample.patient) + "\n";
  }
  std::string folds = "patient_id,fold\n";
  for (const auto& [patient, other] : scans_.split.fold_of) {
    if (other == fold) continue;
    folds += CsvField(patient) + "," + std::to_string(other - (other > fold ? 1 : 0)) + "\n";
  }
  CreateFolder(out_);
  WriteFileAtomically(stage.data, manifest);
  WriteFileAtomically(stage.folds, folds);
}

void Ablation::AddSeed(const AblationPart& classifier, const AblationPart& variant, int seed,
                       const Stage& stage) {
  const fs::path folder = FolderOf(classifier.name, variant.name, seed) / stage.folder;
  const std::string name = classifier.name + " " + variant.name + ", seed " + std::to_string(seed) +
                           (stage.folder.empty() ? "" : ", " + stage.folder);
  std::vector<std::string> train = {"train"};
  for (const TrainSettings* settings : {&plan_.common, &classifier.settings, &variant.settings}) {
    Append(*settings, &train);
  }
  RememberSettings(folder, train, variant.init_from);
  std::vector<int> trainings;
  for (int i = 0; i < stage.models(); ++i) {
    trainings.push_back(AddTraining(classifier, variant, seed, i, name, stage, train));
  }

  Job evaluate{name + ": scores",
               {"evaluate"},
               (folder / "scores.csv").string(),
               (folder / "scores.log").string(),
               trainings};
  for (int i = 0; i < stage.models(); ++i) {
    evaluate.arguments.insert(evaluate.arguments.end(),
                              {"--model", (folder / (stage.ModelName(i) + ".hepar")).string()});
  }
  AppendScored(stage, &evaluate.arguments);
  evaluate.arguments.insert(evaluate.arguments.end(),
                            {"--bootstrap", "0", "--csv", evaluate.result});
  scoring_.push_back(std::move(evaluate));

  // Models of an inner stage only serve the choice, and are not attacked.
  if (plan_.attacks.empty() || !stage.folder.empty()) return;
  for (int i = 0; i < stage.models(); ++i) {
    const std::string model = stage.ModelName(i);
    Job attack{name + ", " + model + ": attacks",
               {"attack", "--model", (folder / (model + ".hepar")).string()},
               (folder / (model + ".attacks.json")).string(),
               (folder / (model + ".attacks.log")).string(),
               {trainings[i]}};
    AppendScored(stage, &attack.arguments);
    if (stage.count > 0) {
      attack.arguments.insert(attack.arguments.end(), {"--fold", std::to_string(i)});
    }
    attack.arguments.insert(attack.arguments.end(),
                            {"--attacks", plan_.attacks, "--epsilon", plan_.epsilon, "--rows",
                             "separate", "--json", attack.result});
    scoring_.push_back(std::move(attack));
  }
}

void Ablation::AppendScored(const Stage& stage, std::vector<std::string>* arguments) const {
  if (stage.count > 0) {
    arguments->insert(arguments->end(), {"--data", stage.data, "--folds", stage.folds});
  } else {
    arguments->insert(arguments->end(), {"--data", scans_.test});
  }
}

int Ablation::AddTraining(const AblationPart& classifier, const AblationPart& variant, int seed,
                          int index, const std::string& name, const Stage& stage,
                          const std::vector<std::string>& train) {
  const fs::path folder = FolderOf(classifier.name, variant.name, seed) / stage.folder;
  const std::string model = stage.ModelName(index);
  const std::string out = (folder / (model + ".hepar")).string();
  Job job{name + ", " + model + ": training", train, out, (folder / (model + ".log")).string(), {}};
  job.arguments.insert(job.arguments.end(),
                       {"--seed", std::to_string(seed), "--data", stage.data, "--out", out,
                        "--resume", "--name", classifier.name + " " + variant.name});
  if (stage.count > 0) {
    job.arguments.insert(job.arguments.end(),
                         {"--folds", stage.folds, "--fold", std::to_string(index)});
  }
  if (!variant.init_from.empty()) {
    const auto from =
        FolderOf(classifier.name, variant.init_from, seed) / stage.folder / (model + ".hepar");
    job.arguments.insert(job.arguments.end(), {"--init", from.string()});
    job.after.push_back(JobWithResult(from.string()));
  }
  jobs_.push_back(std::move(job));
  return static_cast<int>(jobs_.size()) - 1;
}

int Ablation::JobWithResult(const std::string& result) const {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const Job& job) { return job.result == result; });
  return static_cast<int>(found - jobs_.begin());
}

void Ablation::RememberSettings(const fs::path& folder, const std::vector<std::string>& settings,
                                const std::string& init_from) const {
  const fs::path file = folder / "settings.json";
  const std::string text =
      ordered_json{{"train", settings},       {"init_from", init_from}, {"data", scans_.data},
                   {"folds", scans_.folds},   {"test", scans_.test},    {"attacks", plan_.attacks},
                   {"epsilon", plan_.epsilon}}
          .dump(1);
  if (fs::exists(file)) {
    if (ReadFile(file.string(), kMaxResultBytes) == text) return;
    throw Error(ErrorKind::kInvalid,
                "--out: " + folder.string() +
                    " was made with other settings (see settings.json in it); remove it, or choose "
                    "another folder");
  }
  if (list_only_) return;
  CreateFolder(folder);
  WriteFileAtomically(file.string(), text);
}

std::vector<AttackOutcome> Ablation::Attacks(const fs::path& folder) const {
  std::vector<AttackOutcome> outcomes;
  double pictures = 0.0;
  for (int i = 0; i < outer_.models() && !plan_.attacks.empty(); ++i) {
    const auto path = folder / (outer_.ModelName(i) + ".attacks.json");
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

}  // namespace hepar
