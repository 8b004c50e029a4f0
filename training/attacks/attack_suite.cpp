// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/attack_suite.h"

#include <torch/utils.h>

#include <charconv>
#include <sstream>
#include <string_view>

#include "models/named_values.h"
#include "training/attacks/apgd.h"
#include "training/attacks/feature_pgd.h"
#include "training/attacks/fgsm.h"
#include "training/attacks/square.h"
#include "training/attacks/until_fooled.h"

namespace hepar {
namespace {

constexpr int kLargestCount = 1000000;
constexpr double kLargestWeight = 1e6;

constexpr NamedValue<PgdOptions::Loss> kLosses[] = {{"ce", PgdOptions::Loss::kCrossEntropy},
                                                    {"kl", PgdOptions::Loss::kKl}};
constexpr NamedValue<PgdOptions::Start> kPgdStarts[] = {{"uniform", PgdOptions::Start::kUniform},
                                                        {"gaussian", PgdOptions::Start::kGaussian},
                                                        {"pictures", PgdOptions::Start::kPictures}};
constexpr NamedValue<PgdOptions::Start> kFgsmStarts[] = {{"pictures", PgdOptions::Start::kPictures},
                                                         {"uniform", PgdOptions::Start::kUniform}};
constexpr NamedValue<NoiseOptions::Kind> kKinds[] = {{"uniform", NoiseOptions::Kind::kUniform},
                                                     {"corners", NoiseOptions::Kind::kCorners}};

int Count(const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 1 || value > kLargestCount) {
    throw Error(ErrorKind::kInvalid, "expected a whole number from 1 to " +
                                         std::to_string(kLargestCount) + "; got '" + text + "'");
  }
  return value;
}

constexpr NamedValue<bool> kScopes[] = {{"end2end", false}, {"image", true}};

double Weight(const std::string& text) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= 0 && value <= kLargestWeight)) {
    throw Error(ErrorKind::kInvalid, "expected a number from 0 to 1000000; got '" + text + "'");
  }
  return value;
}

struct AttackOption {
  const char* name;
  void (*set)(AttackSpec* spec, const std::string& value);
};

constexpr AttackOption kSteps = {
    "steps", [](AttackSpec* spec, const std::string& value) { spec->steps = Count(value); }};
constexpr AttackOption kRestarts = {
    "restarts", [](AttackSpec* spec, const std::string& value) { spec->restarts = Count(value); }};
constexpr AttackOption kQueries = {
    "queries", [](AttackSpec* spec, const std::string& value) { spec->queries = Count(value); }};
constexpr AttackOption kLoss = {"loss", [](AttackSpec* spec, const std::string& value) {
                                  spec->loss = ValueOf(kLosses, value, "loss");
                                }};
constexpr AttackOption kPgdStart = {"start", [](AttackSpec* spec, const std::string& value) {
                                      spec->start = ValueOf(kPgdStarts, value, "start");
                                    }};
constexpr AttackOption kFgsmStart = {"start", [](AttackSpec* spec, const std::string& value) {
                                       spec->start = ValueOf(kFgsmStarts, value, "start");
                                     }};
constexpr AttackOption kKind = {"kind", [](AttackSpec* spec, const std::string& value) {
                                  spec->kind = ValueOf(kKinds, value, "kind of noise");
                                }};

constexpr AttackOption kFeature1 = {"feat1", [](AttackSpec* spec, const std::string& value) {
                                      spec->feature_weights[0] = Weight(value);
                                    }};
constexpr AttackOption kFeature2 = {"feat2", [](AttackSpec* spec, const std::string& value) {
                                      spec->feature_weights[1] = Weight(value);
                                    }};
constexpr AttackOption kScope = {"scope", [](AttackSpec* spec, const std::string& value) {
                                   spec->holds_features = ValueOf(kScopes, value, "scope");
                                 }};

torch::Tensor RunNoise(const AttackSpec& spec, const AttackTarget& target,
                       const AttackInput& input) {
  NoiseOptions options;
  options.kind = spec.kind;
  options.trials = spec.restarts;
  return Noise(target.logits_of, input, options);
}

AttackCost CostOfNoise(const AttackSpec& spec, int /*classes*/) {
  return {spec.restarts > 1 ? spec.restarts : 0, 0};
}

torch::Tensor RunFgsm(const AttackSpec& spec, const AttackTarget& target,
                      const AttackInput& input) {
  FgsmOptions options;
  options.random_start = spec.start == PgdOptions::Start::kUniform;
  return Fgsm(target.logits_of, input, options);
}

AttackCost CostOfFgsm(const AttackSpec& /*spec*/, int /*classes*/) { return {1, 1}; }

torch::Tensor RunPgd(const AttackSpec& spec, const AttackTarget& target, const AttackInput& input) {
  PgdOptions options;
  options.loss = spec.loss;
  options.start = spec.start;
  options.steps = spec.steps;
  options.restarts = spec.restarts;
  options.first_restart = spec.first_restart;
  if (!spec.AttacksFeatures()) return Pgd(target.logits_of, input, options);
  const auto& weights = spec.feature_weights;
  return FeaturePgd(target.view_of, input, {options, {weights[0], weights[1]}});
}

AttackCost CostOfPgd(const AttackSpec& spec, int /*classes*/) {
  const long steps = static_cast<long>(spec.steps) * spec.restarts;
  const bool asks_of_clean = spec.AttacksFeatures() || spec.loss == PgdOptions::Loss::kKl;
  return {steps + (spec.restarts > 1 ? spec.restarts : 0) + (asks_of_clean ? 1 : 0), steps};
}

template <ApgdOptions::Loss kApgdLoss>
torch::Tensor RunApgd(const AttackSpec& spec, const AttackTarget& target,
                      const AttackInput& input) {
  ApgdOptions options;
  options.loss = kApgdLoss;
  options.steps = spec.steps;
  options.restarts = spec.restarts;
  return Apgd(target.logits_of, input, options);
}

template <ApgdOptions::Loss kApgdLoss>
AttackCost CostOfApgd(const AttackSpec& spec, int classes) {
  const long targets = kApgdLoss == ApgdOptions::Loss::kTargetedDlr ? classes - 1 : 1;
  const long runs = targets * spec.restarts;
  const bool asks_of_clean = kApgdLoss != ApgdOptions::Loss::kCrossEntropy;
  return {runs * (spec.steps + 1) + (asks_of_clean ? 1 : 0), runs * spec.steps};
}

torch::Tensor RunSquare(const AttackSpec& spec, const AttackTarget& target,
                        const AttackInput& input) {
  SquareOptions options;
  options.queries = spec.queries;
  return Square(target.logits_of, input, options);
}

AttackCost CostOfSquare(const AttackSpec& spec, int /*classes*/) { return {spec.queries, 0}; }

struct Attack {
  const char* name;
  int steps;  // By default, as the start below.
  PgdOptions::Start start;
  torch::Tensor (*run)(const AttackSpec&, const AttackTarget&, const AttackInput&);
  AttackCost (*cost)(const AttackSpec&, int classes);
  bool keeps_success;  // Keeps each picture that fools the classifier on its way.
  std::vector<AttackOption> options;
};

template <ApgdOptions::Loss kApgdLoss>
Attack MakeApgd(const char* name) {
  return {name,
          100,
          PgdOptions::Start::kUniform,
          RunApgd<kApgdLoss>,
          CostOfApgd<kApgdLoss>,
          true,
          {kSteps, kRestarts, kScope}};
}

const std::vector<Attack>& Attacks() {
  constexpr auto kUniform = PgdOptions::Start::kUniform;
  constexpr auto kPictures = PgdOptions::Start::kPictures;
  using Loss = ApgdOptions::Loss;
  static const std::vector<Attack> attacks = {
      {"noise", 1, kUniform, RunNoise, CostOfNoise, true, {kKind, kRestarts}},
      {"fgsm", 1, kPictures, RunFgsm, CostOfFgsm, false, {kFgsmStart, kScope}},
      {"pgd",
       20,
       kUniform,
       RunPgd,
       CostOfPgd,
       false,
       {kSteps, kRestarts, kLoss, kPgdStart, kFeature1, kFeature2, kScope}},
      MakeApgd<Loss::kCrossEntropy>("apgd-ce"),
      MakeApgd<Loss::kDlr>("apgd-dlr"),
      MakeApgd<Loss::kTargetedDlr>("apgd-dlr-t"),
      {"square", 1, kUniform, RunSquare, CostOfSquare, true, {kQueries, kScope}}};
  return attacks;
}

// The entry called `name`, or an error that lists what there is.
template <typename T>
const T& Find(const std::vector<T>& entries, const std::string& name, std::string_view what) {
  std::string known;
  for (const auto& entry : entries) {
    if (name == entry.name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ErrorKind::kInvalid,
              "unknown " + std::string(what) + " '" + name + "'; choose one of " + known);
}

}  // namespace

std::vector<std::string> AttackNames() {
  std::vector<std::string> names;
  for (const auto& attack : Attacks()) names.emplace_back(attack.name);
  return names;
}

AttackSpec ParseAttack(const std::string& text) {
  const auto colon = text.find(':');
  const std::string attack_name = text.substr(0, colon);
  const auto& attack = Find(Attacks(), attack_name, "attack");
  AttackSpec spec;
  spec.name = attack.name;
  spec.steps = attack.steps;
  spec.start = attack.start;
  if (colon == std::string::npos) return spec;

  std::istringstream settings(text.substr(colon + 1));
  for (std::string setting; std::getline(settings, setting, ',');) {
    const auto equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    const std::string what = "option of the attack " + spec.name;
    const auto& option = Find(attack.options, name, what);
    try {
      if (equals == std::string::npos) {
        throw Error(ErrorKind::kInvalid, "expected " + name + "=VALUE; got no value");
      }
      option.set(&spec, setting.substr(equals + 1));
    } catch (const Error& error) {
      throw Error(error.kind(), "attack '" + text + "', option '" + name + "': " + error.what());
    }
  }
  if (spec.holds_features && spec.AttacksFeatures()) {
    throw Error(ErrorKind::kInvalid,
                "attack '" + text +
                    "': scope=image holds the features, feat1 and feat2 attack "
                    "them; give one");
  }
  return spec;
}

torch::Tensor RunAttack(const AttackSpec& spec, const LogitsOf& logits_of,
                        const AttackInput& input) {
  return RunAttack(spec, AttackTarget{logits_of, {}, {}}, input);
}

torch::Tensor RunAttack(const AttackSpec& spec, const AttackTarget& target,
                        const AttackInput& input) {
  const auto& attack = Find(Attacks(), spec.name, "attack");
  if (!spec.NeedsFeatures()) return attack.run(spec, target, input);
  if (!target.HasFeatures()) {
    throw Error(ErrorKind::kUnsupported,
                "attack '" + spec.name + "': the model has no features to attack or to hold");
  }
  if (!spec.holds_features) return attack.run(spec, target, input);
  return attack.run(spec, {target.hold_features(input.pictures), {}, {}}, input);
}

torch::Tensor RunUntilFooled(const AttackSpec& spec, const AttackTarget& target,
                             const AttackInput& input) {
  if (spec.holds_features) {
    throw Error(ErrorKind::kUnsupported, "attack '" + spec.name +
                                             "': with held features its target does not show "
                                             "whether the classifier is fooled");
  }
  if (Find(Attacks(), spec.name, "attack").keeps_success) {
    UntilFooled open(target.logits_of, input.labels);
    AttackTarget part = target;
    part.logits_of = [&open](const torch::Tensor& pictures) { return open.Logits(pictures); };
    return open.Result(RunAttack(spec, part, input));
  }
  // The divergence of KL is no success: its highest restart may be one that does not fool.
  if (spec.restarts == 1 || spec.loss != PgdOptions::Loss::kCrossEntropy) {
    return RunAttack(spec, target, input);
  }

  CheckAttackInput(input);
  auto attacked = input.pictures.clone();
  auto open = torch::arange(input.labels.size(0), input.labels.options());
  AttackSpec one = spec;
  one.restarts = 1;
  for (int restart = 0; restart < spec.restarts && open.size(0) > 0; ++restart) {
    one.first_restart = spec.first_restart + restart;
    const AttackInput part = SelectSamples(input, open);
    const auto pictures = RunAttack(one, target, part);
    attacked.index_copy_(0, open, pictures);
    open = open.masked_select(Correct(target.logits_of, pictures, part.labels));
  }
  return attacked;
}

AttackInput SelectSamples(const AttackInput& input, const torch::Tensor& places) {
  const auto at = places.to(input.labels.device());
  AttackInput part = {input.pictures.index_select(0, at),
                      input.labels.index_select(0, at),
                      input.epsilon.index_select(0, at),
                      {}};
  const auto on_host = places.to(torch::kCPU).contiguous();
  for (std::int64_t i = 0; i < on_host.numel(); ++i) {
    part.seeds.push_back(input.seeds.at(on_host.data_ptr<std::int64_t>()[i]));
  }
  return part;
}

AttackCost CostOf(const AttackSpec& spec, int classes) {
  AttackCost cost = Find(Attacks(), spec.name, "attack").cost(spec, classes);
  if (spec.holds_features) ++cost.forward;
  return cost;
}

torch::Tensor Correct(const LogitsOf& logits_of, const torch::Tensor& pictures,
                      const torch::Tensor& labels) {
  torch::NoGradGuard no_grad;
  return logits_of(pictures).argmax(1) == labels;
}

}  // namespace hepar
