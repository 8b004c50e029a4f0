// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/named_values.h"
#include "training/trainer/epoch_record.h"

namespace hepar {

// How attack budget and loss weights of each class follow the results of an epoch.
enum class Fairness {
  kNone,  // One budget and one beta for all.
  kCfa,   // Equations 1 and 2 of the paper, which are those of CFA (Wei et al., CVPR 2023).
  kDafa,  // DAFA (Lee et al., ICLR 2024): stronger attacks and more weight for classes that are
          // confused with easier ones.
};
inline constexpr NamedValue<Fairness> kFairness[] = {
    {"none", Fairness::kNone}, {"cfa", Fairness::kCfa}, {"dafa", Fairness::kDafa}};

struct ClassScheduleOptions {
  int classes = 4;
  double epsilon = 8.0 / 255.0;  // Base budget, units of the [0,1] input.
  double beta = 6.0;             // Base weight of the divergence, >= 0.
  Fairness fairness = Fairness::kCfa;
  // kCfa: added to the accuracy for the budget (lambda_1 of CFA) and for beta (lambda_2).
  double sigma = 0.3, mu = 0.5;
  bool adapt_epsilon = true, adapt_beta = true;  // kCfa: either alone is an ablation.
  double dafa_lambda = 1.0;
  int begin = 10;  // The first epoch (from 1) after which the classes differ.
  // Epoch e uses e / ramp of `epsilon` and `beta` until both are reached in epoch `ramp`; 0: both
  // are used in full from the start. An addition of ours: neither the paper nor CFA has it.
  int ramp = 0;
};

// Equation 1: epsilon_k = (sigma + t) epsilon, for robust training accuracy t in [0,1].
double ClassEpsilon(double accuracy, double sigma, double epsilon);

// Equation 2: beta_k = u / (1 + u) with u = (mu + t) beta: in [0,1), so that 1 - beta_k, the weight
// of the cross-entropy, is positive.
double ClassBeta(double accuracy, double mu, double beta);

// DAFA's weights of K classes from the mean softmax of attacked samples, one row for each true
// class: W_i = 1 + sum over j != i of (S_ii < S_jj ? lambda S_ij S_jj : -lambda S_ji S_ii). Their
// sum is K (no ties).
std::vector<double> DafaWeights(const std::vector<std::vector<double>>& mean_softmax,
                                double lambda);

// The counts of one class in one epoch.
struct ClassCounts {
  double samples = 0;
  double hits = 0;              // Right answers.
  std::vector<double> softmax;  // Sum over the samples of p(f(x')), one for each class.
};

// Budgets and weights of the classes over a run. They start at epsilon, beta / (1 + beta) and 1
// (with beta itself the weight 1 - beta of the cross-entropy would be negative), and differ from
// the end of epoch `begin` on. During the ramp, the share that an epoch uses takes the place of
// epsilon and beta, in equations 1 and 2 too.
class ClassSchedule {
 public:
  // Throws Error(kInvalid) for numbers out of range.
  explicit ClassSchedule(const ClassScheduleOptions& options);

  const std::vector<double>& epsilon() const { return epsilon_; }
  const std::vector<double>& beta() const { return beta_; }
  const std::vector<double>& weight() const { return weight_; }  // Of the samples in the loss.

  // Moves on after one more epoch. A class without a sample keeps the accuracy that it had. Returns
  // the values used and measured in the epoch: "epsilon", "beta", "robust_train_accuracy" and, with
  // kDafa, "weight".
  std::vector<ClassFigures> EndEpoch(const std::vector<ClassCounts>& counts);

  // All that EndEpoch() changes, as JSON text.
  std::string State() const;
  void Restore(const std::string& state);

 private:
  void SetForNextEpoch();

  ClassScheduleOptions options_;
  int epochs_ = 0;
  std::vector<double> accuracy_;  // kCfa: the accuracy that set the budgets; NaN before.
  std::vector<double> epsilon_, beta_, weight_;
};

}  // namespace hepar
