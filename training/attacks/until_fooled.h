// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/attacks/attack.h"

namespace hepar {

// A classifier that is not asked again about a sample that it got wrong: an attack on it costs a
// fooled sample no more passes. What the other samples get stays the same, since attacks decide for
// each sample by itself.
//
// For attacks that keep a picture that fools (the margin of MarginLosses() above 0) once they came
// across one: noise, apgd-*, square. The classifier must answer parts of a batch as it answers the
// batch; one that holds the features of a whole batch does not.
class UntilFooled {
 public:
  // `labels` (B) int64.
  UntilFooled(LogitsOf logits_of, torch::Tensor labels);

  // As the classifier, of all B samples in their order. A sample that is fooled keeps the logits
  // that it was fooled with, which have a gradient of 0.
  torch::Tensor Logits(const torch::Tensor& pictures);

  // `attacked` (B, C, H, W), with the pictures that fooled the classifier in the places of the
  // samples that it was fooled on.
  torch::Tensor Result(const torch::Tensor& attacked) const;

 private:
  LogitsOf logits_of_;
  torch::Tensor labels_;
  torch::Tensor open_;               // Places of the samples that are not fooled: int64.
  torch::Tensor logits_, pictures_;  // Of the last pass; undefined before the first.
};

}  // namespace hepar
