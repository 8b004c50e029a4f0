// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/attacks/attack.h"

namespace hepar {

// A property that every classifier has whose gradients are informative.
struct SanityCheck {
  std::string name;      // "more steps are no weaker".
  std::string expected;  // "pgd-50 <= pgd-10".
  std::string seen;      // "41.0 % and 43.5 %".
  bool passed = false;
};

struct SanityOptions {
  int steps = 10;  // Steps of the weaker iterative attack; the stronger one has five times as many.
  int queries = 1000;  // Of the black-box attack.
};

// Checks whether robustness that gradient-based attacks measure is credible (Athalye et al.,
// ICML 2018, section 3.1; Carlini et al., arXiv:1902.06705; the flags of Croce and Hein's
// AutoAttack). A classifier that hides its gradient - by rounding, saturation, randomness - resists
// such attacks without being robust, and fails here:
//
//   the same picture gets the same answer; no picture's gradient is zero; an iterative attack is no
//   weaker than one step, more steps no weaker than few; attacks by gradient are no weaker than one
//   that only asks for answers; noise is the weakest; a larger budget costs more, in the loss, at
//   each of five budgets; and with the whole range of pictures as budget nothing above the share
//   of the commonest class is left.
//
// Attacks are random, so a comparison fails only when the attack that should be no weaker leaves
// more than two pictures and 1 % more, and more than chance: of the g + l pictures that only one of
// both leaves it leaves g, with g - l above 2.33 sqrt(g + l) (McNemar's test, one-sided, level 1
// %).
class SanityPanel {
 public:
  // Throws Error(kInvalid) for options below 1.
  explicit SanityPanel(const SanityOptions& options);

  // Attacks one batch, whose budgets must be above 0 for the panel to mean anything. The model must
  // be in AttackGuard's state.
  void Add(const LogitsOf& logits_of, const AttackInput& input);

  // What all batches together show. Throws Error(kInvalid) before the first.
  std::vector<SanityCheck> Finish() const;

 private:
  struct Count {
    std::vector<bool> left;  // Whether each picture is still right.
    void Add(const torch::Tensor& correct);
    double hits() const;
  };

  double Percent(const Count& count) const { return 100.0 * count.hits() / pictures_; }
  // Whether `stronger` leaves no more than `weaker`, but for the allowance.
  SanityCheck NoWeaker(const std::string& name, const std::string& strong, const Count& stronger,
                       const std::string& weak, const Count& weaker) const;

  SanityOptions options_;
  double pictures_ = 0;
  std::vector<double> of_class_;  // Pictures of each class.
  Count clean_, noise_, single_step_, few_steps_, many_steps_, black_box_, any_gradient_,
      whole_box_;
  double zero_gradients_ = 0, other_answers_ = 0;  // Pictures.
  std::vector<double> losses_;  // Sums, at each of kBudgetFactors times the budget.
};

}  // namespace hepar
