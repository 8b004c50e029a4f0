// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/bundle/bundle.h"
#include "training/attacks/attack_suite.h"
#include "training/attacks/sanity_panel.h"
#include "training/data/batches.h"
#include "training/scoring/robustness_report.h"

namespace hepar {

struct NamedAttack {
  std::string text;  // As it was given.
  AttackSpec spec;
};

// Reads attacks separated by blanks. Throws Error(kInvalid) as ParseAttack().
std::vector<NamedAttack> ParseAttacks(const std::string& list);

// What the row of an attack counts.
enum class AttackRows {
  kCumulative,  // Pictures that are right under this attack and in all rows above. Those that are
                // wrong already are not attacked again.
  kSeparate,    // Pictures that are right under this attack, which gets every picture.
};

struct AttackPlan {
  std::vector<NamedAttack> attacks;      // Made on the model itself; at least one.
  std::vector<NamedAttack> transferred;  // Made on each of the other models.
  std::vector<double> epsilons;          // Budgets, each for all attacks.
  bool eight_bit = false;  // Score each picture a second time, rounded to 8 bits. Budgets must then
                           // be kSmallestEightBitBudget or more.
  AttackRows rows = AttackRows::kCumulative;
  bool sanity = false;  // Run the sanity checks too, at the first budget.
  // Leave out attacks that need features the model does not have, and report that, instead of
  // refusing them.
  bool leave_out = false;
  int batch = 16;
  std::uint64_t seed = 1;  // Of the attacks' random numbers.
};

// Attacks a whole model on a set of pictures. The worst case of a budget is the same with both
// kinds of rows: pictures that are right when clean and under every attack of this and of smaller
// budgets, since what fools the model within a smaller budget is within a larger one too. Budgets
// are attacked in ascending order.
//
// With cumulative rows a picture that is wrong already is left alone, also during an attack
// (RunUntilFooled). Two kinds of attack keep their full strength: those whose success shows only
// later, on the model after a transfer or without held features; and with 8 bits all, since a
// picture that only just fools the model may not after rounding. A picture is then left alone once
// it is wrong both ways.
class AttackRun {
 public:
  // Takes the models to `device`. Throws Error: kInvalid for a plan without attacks or with budgets
  // that do not go with 8 bits; kMismatch for another model that takes other pictures or knows
  // other classes, naming both, and for an attack on features that a model has not.
  AttackRun(AttackPlan plan, Bundle model, std::vector<Bundle> others, torch::Device device);

  // Largest number of passes for each picture through all models, without those of the sanity
  // checks.
  AttackCost Cost() const;

  // Attacks `part` of `data`; call it once. `progress`, if any, gets the number of pictures done
  // after each batch. Throws as the attacks.
  void Run(const PreparedDataset& data, const std::vector<int>& part,
           const std::function<void(int done)>& progress = {});

  // Rows in the order of budgets: clean pictures, then for each budget the attacks on the model,
  // those on others, and the worst case of them where there are two or more. Rows of 8 bits come
  // after those that they belong to.
  const RobustnessReport& report() const { return report_; }
  // The results of the sanity checks; empty unless the plan has them.
  std::vector<SanityCheck> Sanity() const;

 private:
  struct Planned {
    NamedAttack attack;
    std::size_t model;  // Whose gradients: 0 is the attacked model, then the others.
  };
  void Add(const NamedAttack& attack, std::size_t model);
  void MakeRows();
  void AttackBatch(const Batch& batch);
  torch::Tensor RunPlanned(const Planned& planned, const AttackInput& input) const;
  torch::Tensor RightOn(const torch::Tensor& pictures, const torch::Tensor& labels) const;
  std::size_t RowsOfBudget() const;

  AttackPlan plan_;
  std::vector<Bundle> models_;
  torch::Device device_;
  std::vector<AttackTarget> targets_;  // Of each model.
  std::vector<Planned> planned_;       // For each budget.
  RobustnessReport report_;
  SanityPanel panel_{SanityOptions()};
};

}  // namespace hepar
