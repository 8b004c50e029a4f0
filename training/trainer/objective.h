// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "models/nets/severity_net.h"
#include "training/data/batches.h"
#include "training/trainer/epoch_record.h"
#include "training/trainer/losses.h"
#include "training/trainer/objective_options.h"

namespace hepar {

// The losses of one batch.
struct Losses {
  torch::Tensor total;   // Scalar with its graph: the quantity that training minimizes.
  torch::Tensor terms;   // Detached, one value for each name of TermNames(), on the device.
  torch::Tensor logits;  // Detached (B, K): the classifier's answer to the clean pictures.
};

// The quantity that training minimizes. The one place that computes losses: the trainer knows
// nothing of their kind, so another procedure is another objective.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::vector<std::string> TermNames() const = 0;  // The first is the total.

  // `net` is in training mode, and is again when this returns. The batch is on the net's device.
  // One forward pass of the clean pictures in training mode.
  virtual Losses Compute(SeverityNet net, const Batch& batch) = 0;

  // The counts of Compute() in this epoch, or undefined: where several processes train, the
  // trainer puts the sum over all of them in its place before EndEpoch().
  virtual torch::Tensor Counts() const { return {}; }
  virtual void SetCounts(const torch::Tensor& /*counts*/) {}

  // Called after the last batch of an epoch: schedules that learn from the epoch move on here.
  // `validation_accuracy` is the robust accuracy of each class on the validation part, empty where
  // that was not measured. Returns the values that the epoch used and measured for each class, for
  // the log.
  virtual std::vector<ClassFigures> EndEpoch(const std::vector<double>& /*validation_accuracy*/) {
    return {};
  }

  // The state of such a schedule, as JSON text, so that a checkpoint can keep it.
  virtual std::string State() const { return "{}"; }
  virtual void Restore(const std::string& /*state*/) {}
};

// l1 L_c + l2 L_s: the loss of the decouplers in every procedure.
struct DecouplerLosses {
  torch::Tensor reconstruction, auxiliary, weighted;
};
DecouplerLosses ComputeDecouplerLosses(const JointObjectiveOptions& options,
                                       const Decoupled& decoupled, const torch::Tensor& labels);

// (B) cross-entropies of the grades, against the targets that `options` ask for.
torch::Tensor ComputeSeverityLosses(const JointObjectiveOptions& options,
                                    const torch::Tensor& logits, const Batch& batch);

// x_c for the classifier, detached from the decouplers where `options` say so.
torch::Tensor ClassifierInput(const JointObjectiveOptions& options, const Decoupled& decoupled);

// The paper's joint loss on clean pictures: l1 L_c + l2 L_s + l3 CE.
class JointObjective : public Objective {
 public:
  explicit JointObjective(const JointObjectiveOptions& options);

  std::vector<std::string> TermNames() const override;
  Losses Compute(SeverityNet net, const Batch& batch) override;

 private:
  JointObjectiveOptions options_;
  torch::Tensor class_weights_;
};

}  // namespace hepar
