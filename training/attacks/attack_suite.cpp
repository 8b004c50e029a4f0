// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/attack_suite.h"

#include <charconv>
#include <sstream>

#include "models/named_values.h"
#include "training/attacks/apgd.h"
#include "training/attacks/fgsm.h"
#include "training/attacks/square.h"

namespace hepar {
namespace {

constexpr int kLargestCount = 1000000;

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

torch::Tensor RunNoise(const AttackSpec& spec, const LogitsOf& logits_of,
                       const AttackInput& input) {
  NoiseOptions options;
  options.kind = spec.kind;
  options.trials = spec.restarts;
  return Noise(logits_of, input, options);
}

torch::Tensor RunFgsm(const AttackSpec& spec, const LogitsOf& logits_of, const AttackInput& input) {
  FgsmOptions options;
  options.random_start = spec.start == PgdOptions::Start::kUniform;
  return Fgsm(logits_of, input, options);
}

torch::Tensor RunPgd(const AttackSpec& spec, const LogitsOf& logits_of, const AttackInput& input) {
  PgdOptions options;
  options.loss = spec.loss;
  options.start = spec.start;
  options.steps = spec.steps;
  options.restarts = spec.restarts;
  return Pgd(logits_of, input, options);
}

template <ApgdOptions::Loss kApgdLoss>
torch::Tensor RunApgd(const AttackSpec& spec, const LogitsOf& logits_of, const AttackInput& input) {
  ApgdOptions options;
  options.loss = kApgdLoss;
  options.steps = spec.steps;
  options.restarts = spec.restarts;
  return Apgd(logits_of, input, options);
}

torch::Tensor RunSquare(const AttackSpec& spec, const LogitsOf& logits_of,
                        const AttackInput& input) {
  SquareOptions options;
  options.queries = spec.queries;
  return Square(logits_of, input, options);
}

struct Attack {
  const char* name;
  int steps;  // By default, as the start below.
  PgdOptions::Start start;
  torch::Tensor (*run)(const AttackSpec&, const LogitsOf&, const AttackInput&);
  std::vector<AttackOption> options;
};

const std::vector<Attack>& Attacks() {
  constexpr auto kUniform = PgdOptions::Start::kUniform;
  constexpr auto kPictures = PgdOptions::Start::kPictures;
  using Loss = ApgdOptions::Loss;
  static const std::vector<Attack> attacks = {
      {"noise", 1, kUniform, RunNoise, {kKind, kRestarts}},
      {"fgsm", 1, kPictures, RunFgsm, {kFgsmStart}},
      {"pgd", 20, kUniform, RunPgd, {kSteps, kRestarts, kLoss, kPgdStart}},
      {"apgd-ce", 100, kUniform, RunApgd<Loss::kCrossEntropy>, {kSteps, kRestarts}},
      {"apgd-dlr", 100, kUniform, RunApgd<Loss::kDlr>, {kSteps, kRestarts}},
      {"apgd-dlr-t", 100, kUniform, RunApgd<Loss::kTargetedDlr>, {kSteps, kRestarts}},
      {"square", 1, kUniform, RunSquare, {kQueries}}};
  return attacks;
}

// The entry called `name`, or an error that lists what there is.
template <typename T>
const T& Find(const std::vector<T>& entries, const std::string& name, const std::string& what) {
  std::string known;
  for (const auto& entry : entries) {
    if (name == entry.name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ErrorKind::kInvalid, "unknown " + what + " '" + name + "'; choose one of " + known);
}

}  // namespace

std::vector<std::string> AttackNames() {
  std::vector<std::string> names;
  for (const auto& attack : Attacks()) names.emplace_back(attack.name);
  return names;
}

AttackSpec ParseAttack(const std::string& text) {
  const auto colon = text.find(':');
  const auto& attack = Find(Attacks(), text.substr(0, colon), "attack");
  AttackSpec spec;
  spec.name = attack.name;
  spec.steps = attack.steps;
  spec.start = attack.start;
  if (colon == std::string::npos) return spec;

  std::istringstream settings(text.substr(colon + 1));
  for (std::string setting; std::getline(settings, setting, ',');) {
    const auto equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    const auto& option = Find(attack.options, name, "option of the attack " + spec.name);
    try {
      if (equals == std::string::npos) {
        throw Error(ErrorKind::kInvalid, "expected " + name + "=VALUE; got no value");
      }
      option.set(&spec, setting.substr(equals + 1));
    } catch (const Error& error) {
      throw Error(error.kind(), "attack '" + text + "', option '" + name + "': " + error.what());
    }
  }
  return spec;
}

torch::Tensor RunAttack(const AttackSpec& spec, const LogitsOf& logits_of,
                        const AttackInput& input) {
  return Find(Attacks(), spec.name, "attack").run(spec, logits_of, input);
}

torch::Tensor Correct(const LogitsOf& logits_of, const torch::Tensor& pictures,
                      const torch::Tensor& labels) {
  torch::NoGradGuard no_grad;
  return logits_of(pictures).argmax(1) == labels;
}

}  // namespace hepar
