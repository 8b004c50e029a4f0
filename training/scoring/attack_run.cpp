// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/attack_run.h"

#include <algorithm>
#include <chrono>
#include <numeric>
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

// The places of the budgets, the smallest first.
std::vector<std::size_t> Ascending(const std::vector<double>& epsilons) {
  std::vector<std::size_t> order(epsilons.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return epsilons[a] < epsilons[b]; });
  return order;
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
  report_.cumulative = plan_.rows == AttackRows::kCumulative;
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

torch::Tensor AttackRun::RightOn(const torch::Tensor& pictures, const torch::Tensor& labels) const {
  return Correct(targets_[0].logits_of, pictures, labels).to(torch::kCPU);
}

torch::Tensor AttackRun::RunPlanned(const Planned& planned, const AttackInput& input) const {
  const AttackSpec& spec = planned.attack.spec;
  const AttackTarget& target = targets_[planned.model];
  const bool success_shows = planned.model == 0 && !spec.holds_features && !plan_.eight_bit;
  return report_.cumulative && success_shows ? RunUntilFooled(spec, target, input)
                                             : RunAttack(spec, target, input);
}

std::size_t AttackRun::RowsOfBudget() const {
  const std::size_t shown = planned_.size() + (planned_.size() > 1 ? 1 : 0);
  return shown * (plan_.eight_bit ? 2 : 1);
}

void AttackRun::AttackBatch(const Batch& batch) {
  // Of each picture, whether it is right in all rows so far, and the same of rounded pictures.
  torch::Tensor right, right_rounded;
  const auto size = batch.labels.size(0);
  auto row = report_.rows.begin();
  // Scores the pictures in these places of the batch, and then the same in 8 bits.
  const auto show = [&](const torch::Tensor& shown, const torch::Tensor& places,
                        const AttackInput& from) {
    const auto count = [&](const torch::Tensor& pictures, torch::Tensor* all) {
      auto hits = torch::zeros(size, torch::kBool);
      if (places.size(0) > 0) hits.index_copy_(0, places, RightOn(pictures, from.labels));
      *all = all->defined() ? all->logical_and(hits) : hits;
      Count(batch, report_.cumulative ? *all : hits, &*row++);
    };
    count(shown, &right);
    if (!plan_.eight_bit) return;
    const auto budget = from.epsilon.to(torch::kFloat64);
    count(RoundToEightBits(shown, from.pictures, budget), &right_rounded);
  };

  const auto all = torch::arange(size, torch::kInt64);
  show(batch.pictures, all, InputOf(batch, kSmallestEightBitBudget));
  if (plan_.sanity) panel_.Add(targets_[0].logits_of, InputOf(batch, plan_.epsilons.front()));
  for (const std::size_t budget : Ascending(plan_.epsilons)) {
    row = report_.rows.begin() + (plan_.eight_bit ? 2 : 1) + budget * RowsOfBudget();
    const AttackInput input = InputOf(batch, plan_.epsilons[budget]);
    for (const Planned& planned : planned_) {
      const auto start = Clock::now();
      auto places = all;
      if (report_.cumulative) {
        places = all.masked_select(plan_.eight_bit ? right.logical_or(right_rounded) : right);
      }
      const auto shown = row;
      const AttackInput part = SelectSamples(input, places);
      const bool any = places.size(0) > 0;
      show(any ? RunPlanned(planned, part) : part.pictures, places, part);
      shown->attacked += static_cast<int>(places.size(0));
      shown->seconds += std::chrono::duration<double>(Clock::now() - start).count();
    }
    if (planned_.size() < 2) continue;
    Count(batch, right, &*row++);
    if (plan_.eight_bit) Count(batch, right_rounded, &*row++);
  }
}

std::vector<SanityCheck> AttackRun::Sanity() const {
  return plan_.sanity ? panel_.Finish() : std::vector<SanityCheck>();
}

}  // namespace hepar
