// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <memory>

#include "models/engine/precision.h"
#include "models/nets/severity_net.h"

namespace hepar {

// A net whose weights hold still for many passes, as a differentiable function of its picture: what
// attacks evaluate. On the CPU, with a net in 32-bit floats and evaluation mode whose classifier
// has a lowering, the CPU engine runs both passes: weights are folded, packed and transformed once.
// Otherwise LibTorch runs them. The log says which and why.
//
// The engine runs one picture at a time, several on LibTorch's threads, and what a picture gets
// depends on no other. Between both passes it keeps the feature maps of all pictures of a batch.
//
// Pictures are (B, C, H, W); results are differentiable in the pictures alone, once. For one thread
// at a time.
class FrozenNet {
 public:
  // Shares the net, whose parameters must not ask for gradients while it is used. With kBf16 the
  // engine's maps and weights are in bf16, and pictures, features and logits in 32-bit floats.
  explicit FrozenNet(SeverityNet net, Precision precision = Precision::kFp32);
  ~FrozenNet();

  // To be called when the weights have changed.
  void Refresh();

  // Whether the engine runs such pictures.
  bool RunsOnEngine(const torch::Tensor& pictures);

  torch::Tensor Logits(const torch::Tensor& pictures);

  // Logits with the features on the way, which are undefined where the net lacks a decoupler.
  struct Answer {
    torch::Tensor logits, specific, common;
  };
  Answer LogitsAndFeatures(const torch::Tensor& pictures);

  // The logits if Feat1 and Feat2 of each picture were these.
  torch::Tensor LogitsWith(const torch::Tensor& pictures, const torch::Tensor& specific,
                           const torch::Tensor& common);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hepar
