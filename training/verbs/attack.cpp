// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>
#include <numeric>
#include <utility>

#include "models/bundle/bundle.h"
#include "models/error.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/data/recorded_split.h"
#include "training/report/loading_report.h"
#include "training/report/robustness_table.h"
#include "training/scoring/attack_run.h"
#include "training/verbs/device_option.h"
#include "training/verbs/threads.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct AttackVerbOptions {
  std::string model, part = "all", preset;
  std::string attacks = "fgsm pgd:steps=20", transfer_attacks = "pgd:steps=20";
  std::vector<std::string> transfer_from;
  ScanOptions scans;
  AttackPlan plan;  // But for its attacks, which are read from the texts above.
  ModelPermission permission;
  DeviceOptions device;
  Output output;
};

constexpr NamedValue<AttackRows> kRows[] = {{"cumulative", AttackRows::kCumulative},
                                            {"separate", AttackRows::kSeparate}};

// The attacks that a claim of robustness is checked with.
const OptionTable::Values kTable = {
    {"attacks",
     "fgsm pgd:steps=10 pgd:steps=100,restarts=5 apgd-ce apgd-dlr-t square:queries=5000 "
     "pgd:steps=100,feat1=0.1,feat2=0.1 pgd:steps=100,scope=image"},
    {"epsilon", "0.5/255,1/255,2/255,4/255,8/255"},
    {"transfer-attacks", "pgd:steps=100"},
    {"rows", "separate"},
    {"eight-bit", "true"}};

// Unknown attacks are found when the options are read.
void CheckAttacks(const std::string& list) { ParseAttacks(list); }

OptionTable MakeTable(AttackVerbOptions* o) {
  OptionTable table(
      "attack", "--model FILE.hepar --data PATH [OPTION...]",
      "Attacks a model end to end, from the picture through the decouplers to the classifier, on "
      "labeled scans, and prints its accuracy under attack. The worst case counts a picture as "
      "correct only when it is correct on the clean picture and under every attack of this and of "
      "smaller budgets.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to attack");
  AddPermissionOptions(&table, &o->permission);
  AddDataOption(&table, &o->scans, "the labeled scans to attack it on");
  AddFoldOptions(&table, &o->scans, "Attack the patients of this fold only; -1 for all");
  AddPartOption(&table, &o->part, "Attack");
  table.Presets("preset", &o->preset, {{"table", kTable}},
                "Values for many options at once, which others override: table is the whole "
                "robustness table, at five budgets, with the adaptive and the weak attack, "
                "rounded pictures and separate rows; hours on a CPU, see docs/training.md");
  table.Text("attacks", &o->attacks, "LIST",
             "Attacks separated by blanks: " + Join(AttackNames(), ", ") +
                 ", each with its options such as pgd:steps=20,restarts=5",
             CheckAttacks);
  table.Numbers("epsilon", &o->plan.epsilons, "8/255", 0, 1, "X,X,...",
                "Budgets, maximum norm, for pictures in [0,1]; fractions such as 8/255");
  table.List("transfer-from", &o->transfer_from, "FILE",
             "Other model bundles with the same input; repeatable. Pictures attacked on each are "
             "transferred to this model");
  table.Text("transfer-attacks", &o->transfer_attacks, "LIST", "The attacks on the other models",
             CheckAttacks);
  table.Switch("eight-bit", &o->plan.eight_bit,
               "Score each attacked picture a second time, rounded to 8 bits within the budget");
  table.Enum("rows", &o->plan.rows, kRows,
             "What the row of an attack counts: pictures correct under this attack and in all rows "
             "above, of this and of smaller budgets, where pictures that are wrong already are not "
             "attacked again; or correct under this attack alone, which then gets every picture. "
             "The worst case is the same");
  table.Switch("sanity", &o->plan.sanity,
               "Also check, at the first budget, whether gradient-based attacks give credible "
               "results on this model; one that fails ends the program with code 1");
  AddSourceOptions(&table, &o->scans.source);
  table.Integer("batch", &o->plan.batch, 1, 4096, "Pictures that are attacked at once");
  AddSeedOption(&table, &o->plan.seed, "the attacks' random starts");
  AddDeviceOptions(&table, &o->device);
  o->output.AddTo(&table, "Write the results as JSON");
  return table;
}

// The samples to attack.
std::vector<int> SelectPart(const AttackVerbOptions& o, const Dataset& dataset,
                            const ModelSpec& spec) {
  if (o.scans.fold >= 0) {
    return SplitByFold(dataset, LoadFolds(o.scans.folds), o.scans.fold, 0.0, 0).test;
  }
  if (o.part != "all") return RecordedPart(spec, dataset, o.part);
  std::vector<int> all(dataset.samples.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

AttackPlan PlanOf(const AttackVerbOptions& o, bool attacks_given) {
  AttackPlan plan = o.plan;
  plan.attacks = ParseAttacks(o.attacks);
  if (plan.attacks.empty()) throw UsageError("--attacks: names no attack");
  plan.transferred = ParseAttacks(o.transfer_attacks);
  if (!o.transfer_from.empty() && plan.transferred.empty()) {
    throw UsageError("--transfer-attacks: names no attack for --transfer-from");
  }
  // The user chose the attacks of a list for this model; those of the preset are for any model.
  plan.leave_out = !o.preset.empty() && !attacks_given;
  return plan;
}

ordered_json ToJson(const AttackVerbOptions& o, const ModelSpec& spec, const AttackRun& run) {
  const AttackCost cost = run.Cost();
  ordered_json object = {
      {"model", spec.name},
      {"model_id", spec.id},
      {"part", o.part},
      {"scope", "end2end"},
      {"seed", o.plan.seed},
      {"passes_per_picture", {{"forward", cost.forward}, {"backward", cost.backward}}}};
  object.update(RobustnessToJson(run.report()));
  for (const SanityCheck& check : run.Sanity()) {
    object["sanity"].push_back({{"check", check.name},
                                {"expected", check.expected},
                                {"seen", check.seen},
                                {"passed", check.passed}});
  }
  return object;
}

// Prints the results of the panel; false when the model failed a check.
bool PrintSanity(const std::vector<SanityCheck>& checks, std::ostream& text) {
  bool passed = true;
  if (!checks.empty()) text << "\nsanity:\n";
  for (const SanityCheck& check : checks) {
    text << (check.passed ? "  passed  " : "  FAILED  ") << check.name << ": " << check.expected
         << " (" << check.seen << ")\n";
    passed = passed && check.passed;
  }
  if (!passed) {
    text << "\nThe results above are no evidence of robustness: gradient-based attacks are not "
            "reliable on this model.\n";
  }
  return passed;
}

}  // namespace

int RunAttackVerb(const std::vector<std::string>& arguments) {
  AttackVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  const ScanOptions& scans = options.scans;
  if ((scans.fold >= 0) != !scans.folds.empty()) {
    throw UsageError("--fold and --folds belong together");
  }
  if (scans.fold >= 0 && options.part != "all") {
    throw UsageError("--part and --fold are two choices of pictures; give one");
  }
  SetThreads(options.device);

  AttackPlan plan = PlanOf(options, table.IsGiven("attacks"));
  const torch::Device device = DeviceOption(options.device.name);
  Bundle bundle =
      WithExitCode(kExitModel, [&] { return LoadBundle(options.model, options.permission); });
  const ModelSpec spec = bundle.spec;
  AttackRun run = WithExitCode(kExitModel, [&] {
    CheckSameClasses(spec, options.model, Dataset().class_names);
    std::vector<Bundle> others;
    for (const std::string& path : options.transfer_from) {
      others.push_back(LoadBundle(path, options.permission));
    }
    return AttackRun(std::move(plan), std::move(bundle), std::move(others), device);
  });
  std::vector<int> part;
  const auto data = WithExitCode(kExitInputData, [&] {
    const Dataset dataset = LoadDataset(scans.path, scans.source);
    part = SelectPart(options, dataset, spec);
    return PreparedDataset(dataset, spec.preprocess, options.device.threads);
  });
  ReportLoading("attack", data.dataset().summary, std::cerr);
  const AttackCost cost = run.Cost();
  std::cerr << part.size() << " pictures, each up to " << cost.forward << " passes forward and "
            << cost.backward << " back" << (options.plan.sanity ? ", and those of --sanity" : "")
            << "\n";
  Progress progress(spec.name, static_cast<int>(part.size()), "pictures");
  run.Run(data, part, [&progress](int done) { progress.Update(done); });
  progress.Clear();
  std::ostream& text = options.output.text();
  text << RobustnessTable(run.report());
  const bool believable = PrintSanity(run.Sanity(), text);
  options.output.Write(ToJson(options, spec, run));
  return believable ? kExitOk : kExitFailure;
}

}  // namespace hepar
