// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/attack.h"

#include <sstream>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

void Require(bool holds, const char* part, const std::string& expected, const torch::Tensor& got) {
  if (holds) return;
  std::ostringstream message;
  message << "attack: " << part << " must be " << expected << "; got ";
  if (got.defined()) {
    message << got.scalar_type() << " of shape " << got.sizes();
  } else {
    message << "an undefined tensor";
  }
  throw Error(ErrorKind::kInvalid, message.str());
}

}  // namespace

void CheckAttackInput(const AttackInput& input) {
  const auto& [pictures, labels, epsilon, seeds] = input;
  Require(pictures.defined() && pictures.dim() == 4 && pictures.is_floating_point(), "pictures",
          "(B, C, H, W) of a floating-point type", pictures);
  const auto batch = pictures.size(0);
  const std::string one_each = "(" + std::to_string(batch) + ") ";
  Require(labels.defined() && labels.dim() == 1 && labels.size(0) == batch &&
              labels.scalar_type() == torch::kInt64,
          "labels", one_each + "int64", labels);
  Require(epsilon.defined() && epsilon.dim() == 1 && epsilon.size(0) == batch &&
              epsilon.scalar_type() == pictures.scalar_type(),
          "budgets", one_each + "of the pictures' type", epsilon);
  if (!(epsilon >= 0).all().item<bool>()) {
    throw Error(ErrorKind::kInvalid, "attack: budgets must be >= 0; got a negative one or a NaN");
  }
  if (seeds.size() != static_cast<std::size_t>(batch)) {
    throw Error(ErrorKind::kInvalid, "attack: expected one seed for each of " +
                                         std::to_string(batch) + " pictures; got " +
                                         std::to_string(seeds.size()));
  }
}

AttackGuard::AttackGuard(torch::nn::Module& module) {
  // A module on the stack has no owner to share, so the guard holds it without owning it.
  modes_.emplace_back(std::shared_ptr<torch::nn::Module>(std::shared_ptr<void>(), &module),
                      module.is_training());
  for (auto& child : module.modules(/*include_self=*/false)) {
    modes_.emplace_back(child, child->is_training());
  }
  // All flags are read before the first is changed: two names may share one parameter.
  for (auto& parameter : module.parameters()) {
    requires_grad_.emplace_back(parameter, parameter.requires_grad());
  }
  module.eval();
  for (auto& [parameter, flag] : requires_grad_) parameter.set_requires_grad(false);
}

AttackGuard::~AttackGuard() {
  // train() reaches all descendants, and a parent comes before its children: the last word on each
  // module is its own.
  for (auto& [module, training] : modes_) module->train(training);
  for (auto& [parameter, flag] : requires_grad_) parameter.set_requires_grad(flag);
}

torch::Tensor KlDivergence(const torch::Tensor& clean_logits, const torch::Tensor& logits) {
  const auto clean = torch::log_softmax(clean_logits, 1);
  return (clean.exp() * (clean - torch::log_softmax(logits, 1))).sum(1);
}

}  // namespace hepar
