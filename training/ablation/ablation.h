// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "training/ablation/job_runner.h"
#include "training/ablation/plan.h"
#include "training/ablation/summary.h"

namespace hepar {

// The scans that an ablation trains on and scores.
struct AblationScans {
  std::string data, folds, test;  // Of `folds` and `test` one is empty.
  int fold_count = 0;             // 0: one model of each kind, scored on `test`.
};

// The runs of a plan, and the results that they write.
class Ablation {
 public:
  // Writes the settings of each run to its folder under `out`, so that a folder with models of
  // other settings is not taken for done, unless `list_only`. Throws Error: kInvalid for such a
  // folder, kUnreadable for one that cannot be made. `allow_code`: all runs have --allow-code.
  Ablation(AblationPlan plan, AblationScans scans, std::string out, bool list_only,
           bool allow_code);

  // All runs; the trainings come first, so that the long runs fill the processors first.
  const std::vector<Job>& jobs() const { return jobs_; }

  // What the runs wrote, when all of them are done.
  std::vector<AblationRow> Rows(const std::vector<std::string>& class_names) const;

 private:
  int models() const { return scans_.fold_count > 0 ? scans_.fold_count : 1; }
  std::string ModelName(int index) const;
  std::filesystem::path FolderOf(const std::string& classifier, const std::string& variant,
                                 int seed) const;
  void AddSeed(const AblationPart& classifier, const AblationPart& variant, int seed);
  // Index of the job.
  int AddTraining(const AblationPart& classifier, const AblationPart& variant, int seed, int index,
                  const std::string& name, const std::filesystem::path& folder,
                  const std::vector<std::string>& train);
  int JobWithResult(const std::string& result) const;
  // Appends the options that name the scans to score: those of the folds, or others.
  void AppendScored(std::vector<std::string>* arguments) const;
  void RememberSettings(const std::filesystem::path& folder,
                        const std::vector<std::string>& settings,
                        const std::string& init_from) const;
  // Pooled over the models of a seed, by the pictures of each.
  std::vector<AttackOutcome> Attacks(const std::filesystem::path& folder) const;

  const AblationPlan plan_;
  const AblationScans scans_;
  const std::string out_;
  const bool list_only_;
  std::vector<Job> jobs_;     // While they are gathered, the trainings only.
  std::vector<Job> scoring_;  // The others.
};

}  // namespace hepar
