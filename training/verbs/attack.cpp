// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>
#include <opencv2/core.hpp>
#include <utility>

#include "models/bundle/bundle.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/source_options.h"
#include "training/data/recorded_split.h"
#include "training/report/report.h"
#include "training/scoring/attack_run.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct AttackVerbOptions {
  std::string model, data, folds, part = "all", preset, device = "auto", json;
  std::string attacks = "fgsm pgd:steps=20", transfer_attacks = "pgd:steps=20";
  std::vector<std::string> epsilons = {"8/255"}, transfer_from;
  int fold = -1, batch = 16, threads = 1, seed = 1;
  SourceOptions source;
  bool eight_bit = false, sanity = false;
  bool attacks_given = false;
};

// What reviewers of a claim of robustness ask for.
const OptionTable::Values kTable = {
    {"attacks",
     "fgsm pgd:steps=10 pgd:steps=100,restarts=5 apgd-ce apgd-dlr-t square:queries=5000 "
     "pgd:steps=100,feat1=0.1,feat2=0.1 pgd:steps=100,scope=image"},
    {"epsilon", "0.5/255,1/255,2/255,4/255,8/255"},
    {"transfer-attacks", "pgd:steps=100"},
    {"eight-bit", "true"}};

OptionTable MakeTable(AttackVerbOptions* o) {
  OptionTable table(
      "attack", "--model FILE.hepar --data PATH [OPTION...]",
      "Attacks a model end to end, from the picture through the decouplers to the classifier, on "
      "labelled scans, and prints what is left of its accuracy. The worst case counts a picture as "
      "right only when it is right on the clean picture and under every attack.");
  table.Heading("Options");
  table.Path("model", &o->model, "FILE", "The model bundle. Required");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("folds", &o->folds, "FILE", "CSV file with the columns patient_id and fold");
  table.Integer("fold", &o->fold, -1, 1000, "Attack the patients of this fold only; -1 for all");
  table.Choice("part", &o->part, {"all", "train", "validation", "test"},
               "Attack one part of the data: that of the split by which the model was trained");
  table.Presets("preset", &o->preset, {{"table", kTable}},
                "Values for many options at once, which others override: table is the whole "
                "robustness table, at five budgets, with the adaptive and the weak attack and "
                "rounded pictures; hours on a CPU, see docs/training.md");
  table.Text("attacks", &o->attacks, "LIST",
             "Attacks separated by blanks: " + Join(AttackNames(), ", ") +
                 ", each with its options such as pgd:steps=20,restarts=5");
  table.List("epsilon", &o->epsilons, "X,X,...",
             "Budgets, maximum norm, for pictures in [0,1]; fractions such as 8/255");
  table.List("transfer-from", &o->transfer_from, "FILE",
             "Other model bundles with the same input; repeatable. What attacks make on each is "
             "shown to this model");
  table.Text("transfer-attacks", &o->transfer_attacks, "LIST", "The attacks on the other models");
  table.Switch("eight-bit", &o->eight_bit,
               "Show each attacked picture a second time, rounded to 8 bits within the budget");
  table.Switch("sanity", &o->sanity,
               "Also ask, at the first budget, whether what attacks by gradient measure can be "
               "believed; a model that fails ends the program with code 1");
  AddSourceOptions(&table, &o->source);
  table.Integer("batch", &o->batch, 1, 4096, "Pictures that are attacked at once");
  table.Integer("seed", &o->seed, 0, 2147483647, "Of the attacks' random starts");
  table.Text("device", &o->device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Integer("threads", &o->threads, 1, 256, "Threads of one operator");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  return table;
}

Error Invalid(const std::string& message) { return Error(ErrorKind::kInvalid, message); }

// The samples to attack.
std::vector<int> SelectPart(const AttackVerbOptions& o, const Dataset& dataset,
                            const ModelSpec& spec) {
  std::vector<int> all(dataset.samples.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  if (o.fold >= 0) return SplitByFold(dataset, LoadFolds(o.folds), o.fold, 0.0, 0).test;
  if (o.part == "all") return all;
  const Split split = [&] {
    try {
      return RecordedSplit(spec, dataset, nullptr);
    } catch (const Error& error) {
      throw Error(error.kind(), "--part " + o.part + ": " + error.what());
    }
  }();
  const auto& part = o.part == "train"  ? split.train
                     : o.part == "test" ? split.test
                                        : split.validation;
  if (part.empty()) {
    throw Error(ErrorKind::kMismatch,
                "--part: the model was trained without a " + o.part + " part");
  }
  return part;
}

AttackPlan PlanOf(const AttackVerbOptions& o) {
  AttackPlan plan;
  plan.attacks = ParseAttacks(o.attacks);
  if (plan.attacks.empty()) throw Invalid("--attacks: names no attack");
  plan.transferred = ParseAttacks(o.transfer_attacks);
  if (!o.transfer_from.empty() && plan.transferred.empty()) {
    throw Invalid("--transfer-attacks: names no attack for --transfer-from");
  }
  for (const std::string& text : o.epsilons) {
    double epsilon = 0.0;
    OptionTable number("attack", "", "");
    number.Number("epsilon", &epsilon, 0, 1, "");
    number.Parse({"--epsilon", text});
    plan.epsilons.push_back(epsilon);
  }
  plan.eight_bit = o.eight_bit;
  plan.sanity = o.sanity;
  // A list that the user wrote is meant; the preset's is for any model.
  plan.leave_out = !o.preset.empty() && !o.attacks_given;
  plan.batch = o.batch;
  plan.seed = static_cast<std::uint64_t>(o.seed);
  return plan;
}

ordered_json ToJson(const AttackVerbOptions& o, const ModelSpec& spec, const AttackRun& run) {
  const AttackCost cost = run.Cost();
  ordered_json object = {
      {"model", spec.name},
      {"model_id", spec.id},
      {"part", o.part},
      {"scope", "end2end"},
      {"seed", o.seed},
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

// Prints the panel; false when the model failed a check.
bool PrintSanity(const std::vector<SanityCheck>& checks, std::ostream& text) {
  bool passed = true;
  if (!checks.empty()) text << "\nsanity:\n";
  for (const SanityCheck& check : checks) {
    text << (check.passed ? "  passed  " : "  FAILED  ") << check.name << ": " << check.expected
         << " (" << check.seen << ")\n";
    passed = passed && check.passed;
  }
  if (!passed) {
    text
        << "\nThe figures above are no evidence of robustness: attacks by gradient do not see what "
           "this model does.\n";
  }
  return passed;
}

}  // namespace

int RunAttackVerb(const std::vector<std::string>& arguments) {
  AttackVerbOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  options.attacks_given = table.IsGiven("attacks");
  if (options.model.empty()) throw Invalid("--model is missing: the model bundle to attack");
  if (options.data.empty()) throw Invalid("--data is missing: the labelled scans to attack it on");
  if ((options.fold >= 0) != !options.folds.empty()) {
    throw Invalid("--fold and --folds belong together");
  }
  if (options.fold >= 0 && options.part != "all") {
    throw Invalid("--part and --fold are two choices of pictures; give one");
  }
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(options.threads);

  AttackPlan plan = PlanOf(options);
  const torch::Device device = ResolveDevice(options.device);
  Bundle bundle = WithExitCode(kExitModel, [&] { return LoadBundle(options.model); });
  const ModelSpec spec = bundle.spec;
  AttackRun run = WithExitCode(kExitModel, [&] {
    std::vector<Bundle> others;
    for (const std::string& path : options.transfer_from) others.push_back(LoadBundle(path));
    return AttackRun(std::move(plan), std::move(bundle), std::move(others), device);
  });
  std::vector<int> part;
  const auto data = WithExitCode(kExitInputData, [&] {
    const Dataset dataset = LoadDataset(options.data, options.source);
    if (spec.class_names != dataset.class_names) {
      throw ExitError(kExitModel, Error(ErrorKind::kMismatch,
                                        options.model + ": its classes are not those of the data"));
    }
    part = SelectPart(options, dataset, spec);
    return PreparedDataset(dataset, spec.preprocess, options.threads);
  });
  const AttackCost cost = run.Cost();
  std::cerr << part.size() << " pictures, each up to " << cost.forward << " passes forward and "
            << cost.backward << " back" << (options.sanity ? ", and those of --sanity" : "")
            << "\n";
  run.Run(data, part);
  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << RobustnessTable(run.report());
  const bool believable = PrintSanity(run.Sanity(), text);
  if (!options.json.empty()) WriteJson(options.json, ToJson(options, spec, run));
  return believable ? kExitOk : kExitFailure;
}

}  // namespace hepar
