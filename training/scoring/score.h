// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <vector>

#include "models/nets/severity_net.h"
#include "training/data/batches.h"
#include "training/distributed/communicator.h"
#include "training/evaluation/metrics.h"
#include "training/scoring/robust_check.h"

namespace hepar {

// The answers of a net to a part of the data.
struct Scores {
  Predictions predictions;
  double loss = 0.0;                 // Mean cross-entropy.
  double feature_correlation = 0.0;  // |corr(Feat2, Y)|: near 1 when IC2 only copies its input.
};

// Runs `net` in evaluation mode over the pictures `indices` and restores its mode. `others`, null
// for none, are processes that make the same call: each scores a part of the pictures, and all get
// all scores.
Scores Score(SeverityNet net, const PreparedDataset& data, const std::vector<int>& indices,
             int batch, torch::Device device, Communicator* others = nullptr);

// The predictions of Score() by a net on the CPU, which runs on `device` meanwhile.
Predictions ScoreOn(torch::Device device, SeverityNet net, const PreparedDataset& data,
                    const std::vector<int>& indices);

// The answers of `net`, in evaluation mode, to the same pictures after an attack on each. The
// random numbers of an attack depend on the picture alone.
Predictions ScoreAttacked(SeverityNet net, const PreparedDataset& data,
                          const std::vector<int>& indices, int batch, torch::Device device,
                          const RobustCheck& check, Communicator* others = nullptr);

}  // namespace hepar
