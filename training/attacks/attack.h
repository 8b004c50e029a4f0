// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace hepar {

// A classifier of pictures as an attack sees it: (B, C, H, W) in [0,1] -> logits (B, K),
// differentiable with respect to the pictures, each sample's logits independent of the others'.
// An attack always evaluates all samples of its input, in their order, so that the function may
// hold something of the batch (features of the clean pictures, say).
using LogitsOf = std::function<torch::Tensor(const torch::Tensor& pictures)>;

// The internal features of a classifier, for attacks that use them.
struct View {
  torch::Tensor logits;                 // (B, K).
  std::vector<torch::Tensor> features;  // Each (B, ...), always the same ones in the same order;
                                        // undefined where the classifier lacks one.
};
// As LogitsOf, with the features on the way, differentiable too.
using ViewOf = std::function<View(const torch::Tensor& pictures)>;

// A classifier, with as much of it as attacks may see. One without features has `logits_of` only.
struct AttackTarget {
  LogitsOf logits_of;
  ViewOf view_of;
  // The classifier as it would be if its features stayed those of the given pictures (B, C, H, W)
  // whatever the input: attacks are generated on it, never measured on it.
  std::function<LogitsOf(const torch::Tensor& pictures)> hold_features;

  bool HasFeatures() const { return view_of && hold_features; }
};

// What is attacked. Budgets are of the maximum norm, in units of the [0,1] input, one for each
// sample. All tensors are on one device.
struct AttackInput {
  torch::Tensor pictures;            // (B, C, H, W) in [0,1].
  torch::Tensor labels;              // (B) int64.
  torch::Tensor epsilon;             // (B), of the pictures' type, >= 0.
  std::vector<std::uint64_t> seeds;  // (B): of each sample's random numbers, so that what a sample
                                     // gets does not depend on its batch.
};

// Throws Error(kInvalid), saying which part does not fit, unless shapes, types and budgets are as
// documented. Each attack calls it first.
void CheckAttackInput(const AttackInput& input);

// Puts a module into the state that attacks need, evaluation mode and no parameter that requires a
// gradient, and puts every flag back when it goes, also by an exception: modes of all submodules
// one by one, and requires_grad of all parameters. Gradients and buffers are never touched.
// The module must outlive the guard; no other thread may use it meanwhile.
class AttackGuard {
 public:
  explicit AttackGuard(torch::nn::Module& module);
  ~AttackGuard();
  AttackGuard(const AttackGuard&) = delete;
  AttackGuard& operator=(const AttackGuard&) = delete;

 private:
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;
  std::vector<std::pair<torch::Tensor, bool>> requires_grad_;
};

// KL(p(z) || p(z')) of (B, K) logits, summed over the classes: (B). Differentiable in both.
torch::Tensor KlDivergence(const torch::Tensor& clean_logits, const torch::Tensor& logits);

}  // namespace hepar
