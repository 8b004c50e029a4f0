// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/attack_run.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>
#include <utility>

#include "models/error.h"
#include "training/attacks/eight_bit.h"
#include "training/scoring/attack_target.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kNoFeatures[] =
    "the model has no features: it was made without decouplers, and the picture alone reaches its "
    "classifier";

std::string TextOf(const PreprocessOptions& input) {
  const std::string side = std::to_string(input.size);
  return side + " x " + side + " with " + std::to_string(input.channels) +
         (input.channels == 1 ? " plane" : " planes");
}

// Pictures that are made on `other` must be pictures that `model` takes.
void CheckSameTask(const ModelSpec& model, const ModelSpec& other) {
  const auto &a = model.preprocess, &b = other.preprocess;
  if (a.size != b.size || a.channels != b.channels) {
    throw Error(ErrorKind::kMismatch, "model '" + other.name + "' takes pictures of " + TextOf(b) +
                                          ", the attacked model '" + model.name + "' of " +
                                          TextOf(a) + "; choose one with the same input");
  }
  if (model.class_names != other.class_names) {
    throw Error(ErrorKind::kMismatch, "model '" + other.name + "' knows other classes than the " +
                                          "attacked model '" + model.name + "'");
  }
}

void CheckPlan(const AttackPlan& plan) {
  if (plan.attacks.empty()) throw Error(ErrorKind::kInvalid, "attacks: none is named");
  for (const double epsilon : plan.epsilons) {
    if (plan.eight_bit && epsilon < kSmallestEightBitBudget * (1 - 1e-9)) {
      throw Error(
          ErrorKind::kInvalid,
          "8 bits need budgets of 0.5/255 or more: within a smaller one some values have no "
          "level of 8 bits");
    }
  }
}

AttackInput InputOf(const Batch& batch, double epsilon) {
  return {batch.pictures, batch.labels,
          torch::full({batch.labels.size(0)}, epsilon, batch.pictures.options()), batch.seeds};
}

void Count(const Batch& batch, const torch::Tensor& right, RobustnessRow* row) {
  const auto labels = batch.labels.to(torch::kCPU);
  for (std::int64_t i = 0; i < labels.size(0); ++i) {
    row->Add(static_cast<int>(labels[i].item<std::int64_t>()), right[i].item<bool>());
  }
}

}  // namespace

std::vector<NamedAttack> ParseAttacks(const std::string& list) {
  std::vector<NamedAttack> attacks;
  std::istringstream words(list);
  for (std::string word; words >> word;) attacks.push_back({word, ParseAttack(word)});
  return attacks;
}

AttackRun::AttackRun(AttackPlan plan, Bundle model, std::vector<Bundle> others,
                     torch::Device device)
    : plan_(std::move(plan)), device_(device) {
  CheckPlan(plan_);
  for (const Bundle& other : others) CheckSameTask(model.spec, other.spec);
  models_.push_back(std::move(model));
  for (Bundle& other : others) models_.push_back(std::move(other));
  for (Bundle& bundle : models_) {
    bundle.net->to(device_);
    targets_.push_back(TargetOf(bundle.net));
  }
  for (const auto& attack : plan_.attacks) Add(attack, 0);
  for (std::size_t i = 1; i < models_.size(); ++i) {
    for (const auto& attack : plan_.transferred) Add(attack, i);
  }
  report_.class_names = models_[0].spec.class_names;
  MakeRows();
}

void AttackRun::Add(const NamedAttack& attack, std::size_t model) {
  if (!attack.spec.NeedsFeatures() || targets_[model].HasFeatures()) {
    planned_.push_back({attack, model});
    return;
  }
  const std::string text = attack.text + (model == 0 ? "" : " from " + models_[model].spec.name);
  if (!plan_.leave_out) {
    throw Error(ErrorKind::kMismatch, "attack '" + text + "': " + kNoFeatures);
  }
  report_.left_out.push_back({text, kNoFeatures});
}

void AttackRun::MakeRows() {
  const auto add = [this](RobustnessRow row) {
    row.counts.assign(report_.class_names.size(), 0);
    row.hits = row.counts;
    for (const bool rounded : {false, true}) {
      row.eight_bit = rounded;
      if (!rounded || plan_.eight_bit) report_.rows.push_back(row);
    }
  };
  RobustnessRow row;
  row.attack = "clean";
  add(row);
  for (const double epsilon : plan_.epsilons) {
    for (const auto& [attack, model] : planned_) {
      row = {};
      row.attack = attack.text;
      row.epsilon = epsilon;
      row.holds_features = attack.spec.holds_features;
      if (model > 0) row.source = models_[model].spec.name;
      if (model > 0) row.source_id = models_[model].spec.id;
      add(row);
    }
    if (planned_.size() < 2) continue;
    row = {};
    row.attack = "worst case";
    row.epsilon = epsilon;
    add(row);
  }
}

AttackCost AttackRun::Cost() const {
  AttackCost total;
  const int classes = static_cast<int>(report_.class_names.size());
  for (const auto& [attack, model] : planned_) {
    const AttackCost one = CostOf(attack.spec, classes);
    total.forward += one.forward;
    total.backward += one.backward;
  }
  const auto budgets = static_cast<long>(plan_.epsilons.size());
  // And a look at what each row shows.
  return {total.forward * budgets + static_cast<long>(report_.rows.size()),
          total.backward * budgets};
}

void AttackRun::Run(const PreparedDataset& data, const std::vector<int>& part,
                    const std::function<void(int done)>& progress) {
  std::vector<std::unique_ptr<AttackGuard>> guards;
  for (Bundle& bundle : models_) guards.push_back(std::make_unique<AttackGuard>(*bundle.net));
  std::set<std::string> patients;
  for (const int index : part) patients.insert(data.dataset().samples[index].patient);
  report_.patients = static_cast<int>(patients.size());

  for (std::size_t begin = 0; begin < part.size(); begin += plan_.batch) {
    const auto end = std::min(part.size(), begin + plan_.batch);
    Batch batch = MakeBatch(data, {part.begin() + begin, part.begin() + end}, device_);
    for (auto& seed : batch.seeds) seed += plan_.seed;
    AttackBatch(batch);
    if (progress) progress(static_cast<int>(end));
  }
}

torch::Tensor AttackRun::RightOn(const torch::Tensor& pictures, const Batch& batch) const {
  return Correct(targets_[0].logits_of, pictures, batch.labels).to(torch::kCPU);
}

void AttackRun::AttackBatch(const Batch& batch) {
  auto row = report_.rows.begin();
  // Scores the pictures, and then the same in 8 bits; both become the
  // worst case with the pictures before.
  torch::Tensor worst, worst_rounded;
  const auto show = [&](const torch::Tensor& pictures, double epsilon, Clock::time_point start) {
    const auto count = [&](const torch::Tensor& shown, torch::Tensor* all) {
      const auto right = RightOn(shown, batch);
      Count(batch, right, &*row++);
      *all = all->defined() ? all->logical_and(right) : right;
    };
    const auto shown = row;
    count(pictures, &worst);
    shown->seconds += std::chrono::duration<double>(Clock::now() - start).count();
    if (!plan_.eight_bit) return;
    const auto budget = torch::full({batch.labels.size(0)}, epsilon, torch::kFloat64);
    count(RoundToEightBits(pictures, batch.pictures, budget.to(device_)), &worst_rounded);
  };

  show(batch.pictures, kSmallestEightBitBudget, Clock::now());
  const auto clean = worst, clean_rounded = worst_rounded;
  if (plan_.sanity) panel_.Add(targets_[0].logits_of, InputOf(batch, plan_.epsilons.front()));
  for (const double epsilon : plan_.epsilons) {
    worst = clean;
    worst_rounded = clean_rounded;
    const AttackInput input = InputOf(batch, epsilon);
    for (const auto& [attack, model] : planned_) {
      const auto start = Clock::now();
      show(RunAttack(attack.spec, targets_[model], input), epsilon, start);
    }
    if (planned_.size() < 2) continue;
    Count(batch, worst, &*row++);
    if (plan_.eight_bit) Count(batch, worst_rounded, &*row++);
  }
}

std::vector<SanityCheck> AttackRun::Sanity() const {
  return plan_.sanity ? panel_.Finish() : std::vector<SanityCheck>();
}

}  // namespace hepar
