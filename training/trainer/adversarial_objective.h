// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "models/engine/frozen_net.h"
#include "training/attacks/pgd.h"
#include "training/trainer/class_schedule.h"
#include "training/trainer/objective.h"

namespace hepar {

// Algorithm 1 of the paper: l1 L_c + l2 L_s + l3 L_at, where for each picture an attack within its
// class's budget first searches the x' of largest KL(p(f(x)) || p(f(x'))), and L_at is equation 3
// with its class's beta. The attack runs the net in evaluation mode and restores its state; with
// lambda3 = 0 there is no attack.
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
  FrozenNet& Freeze(SeverityNet net, const torch::Tensor& pictures);
  void Count(const torch::Tensor& logits, const torch::Tensor& labels);

  AdversarialOptions options_;
  ClassSchedule schedule_;
  torch::Tensor class_weights_;
  // What the attack evaluates: the net itself, or, where LibTorch has to compute in bf16, a copy.
  std::unique_ptr<FrozenNet> frozen_;
  SeverityNet frozen_from_{nullptr}, bf16_net_{nullptr};
  torch::Tensor counts_;  // (K, 2 + K) float64: samples, hits, sums of softmax of each class.
};

}  // namespace hepar
