// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "training/ablation/job_runner.h"
#include "training/ablation/nested_selection.h"
#include "training/ablation/plan.h"
#include "training/ablation/summary.h"
#include "training/data/split.h"

namespace hepar {

// The scans that an ablation trains on and scores.
struct AblationScans {
  std::string data, folds, test;  // Of `folds` and `test` one is empty.
  Folds split;                    // Those of `folds`. Count 0: one model of each kind, for `test`.
};

// The runs of a plan, and the results that they write.
class Ablation {
 public:
  // Writes the settings of each run to its folder under `out`, so that a folder with models of
  // other settings is not taken for done, and the data sets of nested=full, unless `list_only`.
  // Throws Error: kInvalid for such a folder and for data or folds that nested=full cannot use,
  // kUnreadable for a folder that cannot be made, and what LoadDataset() does. `allow_code`: all
  // runs have --allow-code.
  Ablation(AblationPlan plan, AblationScans scans, std::string out, bool list_only,
           bool allow_code);

  // All runs; the trainings come first, so that the long runs fill the processors first.
  const std::vector<Job>& jobs() const { return jobs_; }

  // Classifier and variant of each row.
  std::vector<std::string> Configurations() const;
  // Whether there are configurations to choose from, and folds to choose on.
  bool IsNested() const;
  // Whether any run is done.
  bool HasResults() const;

  // The nested choice among `rows`, which are those of Rows(). Throws what SelectNested() does.
  NestedSelection Nested(const std::vector<AblationRow>& rows,
                         const std::vector<std::string>& class_names) const;

  // What the runs wrote, when all of them are done.
  std::vector<AblationRow> Rows(const std::vector<std::string>& class_names) const;

 private:
  // A set of models: those of the cross-validation, or those of one that leaves out a fold, in a
  // folder of its own.
  struct Stage {
    std::string folder, data, folds;
    int count = 0;  // Folds; 0: one model, scored on other scans.

    int models() const { return count > 0 ? count : 1; }
    std::string ModelName(int index) const;
  };
  using Visit = std::function<void(const AblationPart&, const AblationPart&, int)>;

  // Calls `visit` for each classifier, variant and seed.
  void ForEachRun(const Visit& visit) const;
  std::filesystem::path FolderOf(const std::string& classifier, const std::string& variant,
                                 int seed) const;
  // For each fold a stage with the patients of all others, and folds of their own.
  void AddInnerStages();
  // Writes the data set and the folds of such a stage.
  void WriteWithoutFold(int fold, const Stage& stage) const;
  void AddSeed(const AblationPart& classifier, const AblationPart& variant, int seed,
               const Stage& stage);
  // Index of the job.
  int AddTraining(const AblationPart& classifier, const AblationPart& variant, int seed, int index,
                  const std::string& name, const Stage& stage,
                  const std::vector<std::string>& train);
  int JobWithResult(const std::string& result) const;
  // Appends the options that name the scans to score: those of the folds, or others.
  void AppendScored(const Stage& stage, std::vector<std::string>* arguments) const;
  void RememberSettings(const std::filesystem::path& folder,
                        const std::vector<std::string>& settings,
                        const std::string& init_from) const;
  // Pooled over the models of a seed, by the pictures of each.
  std::vector<AttackOutcome> Attacks(const std::filesystem::path& folder) const;

  const AblationPlan plan_;
  const AblationScans scans_;
  const std::string out_;
  const bool list_only_;
  const Stage outer_;
  std::vector<Stage> inner_;  // Of nested=full: for each fold the models without it.
  std::vector<Job> jobs_;     // While they are gathered, the trainings only.
  std::vector<Job> scoring_;  // The others.
};

}  // namespace hepar
