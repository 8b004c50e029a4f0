// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <opencv2/core.hpp>
#include <sstream>
#include <utility>

#include "models/bundle/bundle.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "training/attacks/attack_suite.h"
#include "training/attacks/sanity_panel.h"
#include "training/data/batches.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/report.h"
#include "training/exit_codes.h"
#include "training/options.h"
#include "training/progress.h"
#include "training/recorded_split.h"
#include "training/source_options.h"
#include "training/table.h"
#include "training/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

struct AttackVerbOptions {
  std::string model, data, folds, part = "all", device = "auto", json;
  std::string attacks = "fgsm pgd:steps=20";
  std::vector<std::string> epsilons = {"8/255"};
  int fold = -1, batch = 16, threads = 1, seed = 1;
  SourceOptions source;
  bool sanity = false;
};

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
  table.Text("attacks", &o->attacks, "LIST",
             "Attacks separated by blanks: " + Join(AttackNames(), ", ") +
                 ", each with its options such as pgd:steps=20,restarts=5");
  table.List("epsilon", &o->epsilons, "X,X,...",
             "Budgets, maximum norm, for pictures in [0,1]; fractions such as 8/255");
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

// What is left of a model under one attack, or none.
struct Outcome {
  explicit Outcome(int classes) : counts(classes, 0), hits(classes, 0) {}
  std::vector<int> counts, hits;

  void Add(const torch::Tensor& labels, const torch::Tensor& correct) {
    for (std::int64_t i = 0; i < labels.size(0); ++i) {
      const auto label = labels[i].item<std::int64_t>();
      ++counts[label];
      hits[label] += correct[i].item<bool>() ? 1 : 0;
    }
  }
  int Pictures() const { return std::accumulate(counts.begin(), counts.end(), 0); }
  double Accuracy() const {
    return static_cast<double>(std::accumulate(hits.begin(), hits.end(), 0)) / Pictures();
  }
  double OfClass(std::size_t k) const {
    return counts[k] > 0 ? static_cast<double>(hits[k]) / counts[k] : std::nan("");
  }
};

class AttackRun {
 public:
  AttackRun(const AttackVerbOptions& options, Bundle bundle)
      : options_(options), bundle_(std::move(bundle)), device_(ResolveDevice(options.device)) {
    bundle_.net->to(device_);
    std::istringstream list(options.attacks);
    for (std::string one; list >> one;) attacks_.emplace_back(one, ParseAttack(one));
    if (attacks_.empty()) throw Invalid("--attacks: names no attack");
    for (const std::string& text : options.epsilons) {
      double epsilon = 0.0;
      OptionTable number("attack", "", "");
      number.Number("epsilon", &epsilon, 0, 1, "");
      number.Parse({"--epsilon", text});
      epsilons_.push_back(epsilon);
    }
  }

  void Run(const PreparedDataset& data, const std::vector<int>& part) {
    const int classes = static_cast<int>(bundle_.spec.class_names.size());
    const AttackGuard guard(*bundle_.net);
    const LogitsOf logits_of = [this](const torch::Tensor& pictures) {
      return bundle_.net->forward(pictures);
    };
    names_.push_back("clean");
    budgets_.push_back(0.0);
    outcomes_.emplace_back(classes);
    for (double epsilon : epsilons_) {
      for (const auto& [text, spec] : attacks_) Name(text, epsilon, classes);
      if (attacks_.size() > 1) Name("worst case", epsilon, classes);
    }
    Progress progress(bundle_.spec.name, static_cast<int>(part.size()), "pictures");
    for (std::size_t begin = 0; begin < part.size(); begin += options_.batch) {
      const auto end = std::min(part.size(), begin + options_.batch);
      Batch batch = MakeBatch(data, {part.begin() + begin, part.begin() + end}, device_);
      for (auto& seed : batch.seeds) seed += static_cast<std::uint64_t>(options_.seed);
      const auto clean = Correct(logits_of, batch.pictures, batch.labels).to(torch::kCPU);
      const auto labels = batch.labels.to(torch::kCPU);
      std::size_t row = 0;
      outcomes_[row++].Add(labels, clean);
      if (options_.sanity) panel_.Add(logits_of, InputOf(batch, epsilons_.front()));
      for (double epsilon : epsilons_) {
        const AttackInput input = InputOf(batch, epsilon);
        auto worst = clean;
        for (const auto& [text, spec] : attacks_) {
          const auto correct =
              Correct(logits_of, RunAttack(spec, logits_of, input), batch.labels).to(torch::kCPU);
          worst = worst.logical_and(correct);
          outcomes_[row++].Add(labels, correct);
        }
        if (attacks_.size() > 1) outcomes_[row++].Add(labels, worst);
      }
      progress.Update(static_cast<int>(end));
    }
  }

  std::string ToTable() const {
    std::vector<std::vector<std::string>> rows = {{"accuracy %", "all"}};
    for (const auto& name : bundle_.spec.class_names) rows[0].push_back(name);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      rows.push_back({names_[i], Percent(outcomes_[i].Accuracy())});
      for (std::size_t k = 0; k < bundle_.spec.class_names.size(); ++k) {
        rows.back().push_back(Percent(outcomes_[i].OfClass(k)));
      }
    }
    return FormatTable(rows);
  }

  // What the sanity panel found; empty unless it was asked for.
  std::vector<SanityCheck> Sanity() const {
    return options_.sanity ? panel_.Finish() : std::vector<SanityCheck>();
  }

  ordered_json ToJson() const {
    ordered_json results = ordered_json::array();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      ordered_json per_class = ordered_json::object();
      for (std::size_t k = 0; k < bundle_.spec.class_names.size(); ++k) {
        per_class[bundle_.spec.class_names[k]] = outcomes_[i].OfClass(k);
      }
      results.push_back({{"attack", names_[i]},
                         {"epsilon", budgets_[i]},
                         {"pictures", outcomes_[i].Pictures()},
                         {"accuracy", outcomes_[i].Accuracy()},
                         {"per_class", per_class}});
    }
    ordered_json object = {{"model", bundle_.spec.name},
                           {"model_id", bundle_.spec.id},
                           {"part", options_.part},
                           {"scope", "end2end"},
                           {"results", results}};
    for (const SanityCheck& check : Sanity()) {
      object["sanity"].push_back({{"check", check.name},
                                  {"expected", check.expected},
                                  {"seen", check.seen},
                                  {"passed", check.passed}});
    }
    return object;
  }

 private:
  static AttackInput InputOf(const Batch& batch, double epsilon) {
    return {batch.pictures, batch.labels,
            torch::full({batch.labels.size(0)}, epsilon, batch.pictures.options()), batch.seeds};
  }

  void Name(const std::string& attack, double epsilon, int classes) {
    names_.push_back(attack + ", " + Fixed(epsilon * 255, 2) + "/255");
    budgets_.push_back(epsilon);
    outcomes_.emplace_back(classes);
  }

  const AttackVerbOptions& options_;
  Bundle bundle_;
  torch::Device device_;
  std::vector<std::pair<std::string, AttackSpec>> attacks_;
  std::vector<double> epsilons_;
  std::vector<std::string> names_;
  std::vector<double> budgets_;    // Of each name.
  std::vector<Outcome> outcomes_;  // Of each name.
  SanityPanel panel_{SanityOptions()};
};

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

  const Bundle bundle = WithExitCode(kExitModel, [&] { return LoadBundle(options.model); });
  const ModelSpec spec = bundle.spec;
  AttackRun run(options, bundle);
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
  run.Run(data, part);
  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << part.size() << " pictures\n" << run.ToTable();
  const bool believable = PrintSanity(run.Sanity(), text);
  if (!options.json.empty()) WriteJson(options.json, run.ToJson());
  return believable ? kExitOk : kExitFailure;
}

}  // namespace hepar
