// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/verbs/evaluate_options.h"

#include <algorithm>

#include "training/cli/exit_codes.h"

namespace hepar {
namespace {

std::string CorruptionNames() {
  std::vector<std::string> names;
  for (const Corruption corruption : AllCorruptions()) names.push_back(ToString(corruption));
  return Join(names, ", ");
}

}  // namespace

OptionTable MakeEvaluateOptionTable(EvaluateOptions* o) {
  OptionTable table(
      "evaluate", "--model FILE.hepar --data PATH [OPTION...]",
      "Grades labeled scans with a model, by the code path that the GStreamer elements use, and "
      "reports metrics by frame and by patient, beside those of guessing. With several models and "
      "--folds, model i is scored on the patients of fold i and all answers are pooled "
      "(cross-validation). Thresholds and a temperature, which are chosen with the labels, are "
      "chosen on patients that are not scored with them, or left out.");
  table.Heading("Options");
  table.List("model", &o->models, "FILE", "A model bundle; repeatable");
  table.Required("the model bundle to evaluate");
  AddPermissionOptions(&table, &o->permission);
  AddDataOption(&table, &o->scans, "the labeled scans to grade");
  AddFoldOptions(&table, &o->scans, "Score on the patients of this fold only; -1 for all");
  AddPartOption(&table, &o->part, "Score");
  AddSourceOptions(&table, &o->scans.source);
  AddDeviceOptions(&table, &o->device);
  table.Choice("precision", &o->precision, {"fp32", "bf16", "fp16"}, "Precision of the model");
  table.Heading("Uncertainty and choices");
  table.Integer("bootstrap", &o->bootstrap.resamples, 0, 1000000,
                "Resamples of patients for each interval; 0 for no intervals");
  AddSeedOption(&table, &o->bootstrap.seed, "the resamples and the corruptions");
  table.Number("sensitivity", &o->rule.sensitivity, 0, 1,
               "Choose thresholds for this sensitivity; 0 for the largest sum of sensitivity and "
               "specificity (Youden)");
  table.Path("choose-on", &o->choose_on, "PATH",
             "Labeled scans of other patients, on which thresholds and temperature are chosen. "
             "Default: the other folds where there are folds, else the validation part of the "
             "model's own split");
  table.Heading("Further evidence");
  table.Path("subgroups", &o->subgroups, "FILE",
             "CSV file with the column patient_id and others, such as scanner or sex, to group by");
  table.List("compare", &o->compare, "FILE",
             "Another model, or one for each fold, to compare on the same patients");
  table.List("corruptions", &o->corruptions, "NAMES",
             "Grade corrupted images too: all, or some of " + CorruptionNames() + "; each at " +
                 std::to_string(kCorruptionStrengths) + " severities");
  table.Path("ood", &o->ood, "PATH",
             "Out-of-distribution pictures and videos (no liver views), a file or a folder: report "
             "how many of their frames, and of the liver frames, are flagged as no liver view");
  table.List("external", &o->external, "NAME=PATH",
             "Scans of other scanners or hospitals, on which nothing is chosen, scored separately "
             "by name: labeled as --data, or without labels; repeatable");
  table.List("external-fatty", &o->external_fatty, "NAME=PATH",
             "The same, with labels that only say whether a liver is fatty (any grade but normal)");
  table.Choice("unfamiliar", &o->unfamiliar, {"grade", "withhold"},
               "Whether liver views of unfamiliar scanners count as graded");
  table.Number("false-flags", &o->false_flags, 0, 1,
               "Share of the liver frames that may be flagged where detection rates are compared");
  table.Integer("gallery", &o->gallery, 0, 1000, "How many of the worst mistakes are listed");
  table.Heading("Output");
  o->output.AddTo(&table, "Write the metrics as JSON");
  table.Output("csv", &o->csv, "FILE", "Write the probabilities of each picture as CSV");
  table.Output("html", &o->html, "FILE", "Write the report as one HTML page");
  return table;
}

void CheckEvaluateOptions(const EvaluateOptions& o) {
  if (o.scans.fold >= 0 && o.scans.folds.empty()) throw UsageError("--fold needs --folds");
  for (const auto* models : {&o.models, &o.compare}) {
    if (models->size() > 1 && o.scans.folds.empty()) {
      throw UsageError("several models need --folds: model i is scored on fold i");
    }
    if (models->size() > 1 && o.scans.fold >= 0) {
      throw UsageError("--fold takes one model; several models are scored on one fold each");
    }
  }
  if (o.ood.empty() && o.false_flags != EvaluateOptions().false_flags) {
    throw UsageError("--false-flags needs --ood");
  }
  if (o.part != "all" && !o.scans.folds.empty()) {
    throw UsageError("--part and --folds are two choices of pictures; give one");
  }
}

void CheckModelCount(const std::vector<std::string>& models, const Folds& folds) {
  if (models.size() <= 1 || static_cast<int>(models.size()) == folds.count) return;
  throw UsageError(std::to_string(models.size()) + " models for " + std::to_string(folds.count) +
                   " folds; give one model for each fold, in their order");
}

std::vector<Corruption> CorruptionsOf(const EvaluateOptions& options) {
  std::vector<Corruption> corruptions;
  for (const std::string& name : options.corruptions) {
    if (name == "all") return AllCorruptions();
    const Corruption corruption = ParseCorruption(name);
    if (std::find(corruptions.begin(), corruptions.end(), corruption) == corruptions.end()) {
      corruptions.push_back(corruption);
    }
  }
  return corruptions;
}

}  // namespace hepar
