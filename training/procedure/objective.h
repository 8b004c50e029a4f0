// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "models/nets/severity_net.h"

namespace hepar {

// What an objective makes of one batch.
struct Losses {
  torch::Tensor total;   // Scalar with its graph: what training minimises.
  torch::Tensor terms;   // Detached, one value for each name of TermNames(), on the device.
  torch::Tensor logits;  // Detached (B, K): the classifier's answer to the clean pictures.
};

// What training minimises. The one place that computes losses: the trainer knows nothing of their
// kind, so another procedure is another objective.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::vector<std::string> TermNames() const = 0;  // The first is the total.

  // `net` is in training mode, and is again when this returns. `pictures` (B, C, H, W) in [0,1] and
  // `labels` (B) are on the net's device. One forward pass of the clean pictures.
  virtual Losses Compute(SeverityNet net, const torch::Tensor& pictures,
                         const torch::Tensor& labels) = 0;

  // Called after the last batch of an epoch: schedules that learn from the epoch move on here.
  virtual void EndEpoch() {}

  // What such a schedule has learned, as JSON text, so that a checkpoint can keep it.
  virtual std::string State() const { return "{}"; }
  virtual void Restore(const std::string& /*state*/) {}
};

struct JointObjectiveOptions {
  double lambda1 = 1.0;  // Weight of L_c, reconstruction (IC2).
  double lambda2 = 1.0;  // Weight of L_s, auxiliary prediction (IC1).
  double lambda3 = 1.0;  // Weight of the severity loss.
  double xi = 1e-3;      // Of the edge loss.
  double label_smoothing = 0.0;
  std::vector<double> class_weights;  // Of the severity loss, one for each class; empty: none.
};

// The paper's joint loss on clean pictures: l1 L_c + l2 L_s + l3 CE.
class JointObjective : public Objective {
 public:
  explicit JointObjective(const JointObjectiveOptions& options);

  std::vector<std::string> TermNames() const override;
  Losses Compute(SeverityNet net, const torch::Tensor& pictures,
                 const torch::Tensor& labels) override;

 private:
  JointObjectiveOptions options_;
  torch::Tensor class_weights_;
};

}  // namespace hepar
