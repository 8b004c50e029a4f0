// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/pgd.h"
#include "training/trainer/class_schedule.h"
#include "training/trainer/objective.h"

namespace hepar {

struct AdversarialOptions {
  // What an attack on the training pictures reaches.
  enum class Scope {
    kImage,     // The classifier's view of the picture; Feat1 and Feat2 stay those of the clean one
                // (figure 2 of the paper: perturbed images are concatenated with the features).
    kEndToEnd,  // Everything: features are computed from the attacked picture.
  };
  // Whose accuracy moves the classes' budgets.
  enum class Accuracy {
    kRobust,       // On the attacked training pictures, in evaluation mode (algorithm 1).
    kRobustTrain,  // The same in training mode, dropout and batch statistics included.
    kClean,        // On the clean training pictures, in evaluation mode.
    kValidation,   // On the attacked validation part.
  };

  JointObjectiveOptions joint;  // lambda3 weights L_at.
  ClassScheduleOptions schedule;
  Scope scope = Scope::kImage;
  Accuracy accuracy = Accuracy::kRobust;
  int steps = 10;          // Of the inner maximisation.
  double step_size = 0.0;  // Units of the [0,1] input; 0: a quarter of each picture's budget.
  bool luma_only = false;  // The attack moves the grey level, the same for R, G and B.
  // The net that the training attack sees computes in bfloat16, which CPUs with AVX512-BF16 do
  // about twice as fast; the losses do not. The attack only uses the signs of the gradient.
  bool bf16_attack = false;
  bool detach_clean = false;  // The divergence does not train the clean branch.
};

// Algorithm 1 of the paper: l1 L_c + l2 L_s + l3 L_at, where for each picture an attack within its
// class's budget first looks for x' of largest KL(p(f(x)) || p(f(x'))), and L_at is equation 3 with
// its class's beta. The attack sees the net in evaluation mode and leaves nothing behind; with
// lambda3 = 0 there is none.
class AdversarialObjective : public Objective {
 public:
  explicit AdversarialObjective(const AdversarialOptions& options);

  std::vector<std::string> TermNames() const override;
  Losses Compute(SeverityNet net, const Batch& batch) override;
  torch::Tensor Counts() const override { return counts_; }
  void SetCounts(const torch::Tensor& counts) override { counts_ = counts; }
  std::vector<ClassFigures> EndEpoch(const std::vector<double>& validation_accuracy) override;
  std::string State() const override;
  void Restore(const std::string& state) override;

  const ClassSchedule& schedule() const { return schedule_; }

 private:
  torch::Tensor Attack(SeverityNet net, const Batch& batch);
  SeverityNet AttackedCopy(SeverityNet net);
  void Count(const torch::Tensor& logits, const torch::Tensor& labels);

  AdversarialOptions options_;
  ClassSchedule schedule_;
  torch::Tensor class_weights_;
  SeverityNet bf16_net_{nullptr};
  torch::Tensor counts_;  // (K, 2 + K) float64: samples, hits, sums of softmax of each class.
};

}  // namespace hepar
