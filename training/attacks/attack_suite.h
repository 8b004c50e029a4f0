// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/attacks/noise.h"
#include "training/attacks/pgd.h"

namespace hepar {

// An attack by name with its settings; those that it has no use for are ignored.
struct AttackSpec {
  std::string name;    // One of AttackNames().
  int steps = 1;       // pgd, apgd-*.
  int restarts = 1;    // pgd, apgd-*; of noise: how often it tries.
  int queries = 1000;  // square.
  PgdOptions::Loss loss = PgdOptions::Loss::kCrossEntropy;  // pgd.
  PgdOptions::Start start = PgdOptions::Start::kUniform;    // pgd; fgsm without kGaussian.
  NoiseOptions::Kind kind = NoiseOptions::Kind::kUniform;   // noise.
};

// "noise", "fgsm", "pgd", "apgd-ce", "apgd-dlr", "apgd-dlr-t", "square": the weak before the
// strong.
std::vector<std::string> AttackNames();

// Reads "NAME" or "NAME:OPTION=VALUE,OPTION=VALUE", such as "pgd:steps=20,restarts=5,loss=ce".
// Options and defaults:
//   noise       kind=uniform|corners, restarts=1
//   fgsm        start=pictures|uniform
//   pgd         steps=20, restarts=1, loss=ce|kl, start=uniform|gaussian|pictures
//   apgd-*      steps=100, restarts=1
//   square      queries=1000
// Throws Error(kInvalid), listing what there is, for an unknown name, option or value.
AttackSpec ParseAttack(const std::string& text);

// The attacked pictures (B, C, H, W), detached. The model must be in AttackGuard's state. Throws
// Error(kInvalid) for an unknown name, and what the attack throws.
torch::Tensor RunAttack(const AttackSpec& spec, const LogitsOf& logits_of,
                        const AttackInput& input);

// Where the classifier is right: (B) bool. The samples that are right on the clean pictures and
// under every attack of a list are its worst case.
torch::Tensor Correct(const LogitsOf& logits_of, const torch::Tensor& pictures,
                      const torch::Tensor& labels);

}  // namespace hepar
