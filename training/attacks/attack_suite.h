// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/attacks/noise.h"
#include "training/attacks/pgd.h"

namespace hepar {

// An attack by name with its settings; settings that it does not use are ignored.
struct AttackSpec {
  std::string name;       // One of AttackNames().
  int steps = 1;          // pgd, apgd-*.
  int restarts = 1;       // pgd, apgd-*; of noise: how often it tries.
  int first_restart = 0;  // pgd: PgdOptions.
  int queries = 1000;     // square.
  PgdOptions::Loss loss = PgdOptions::Loss::kCrossEntropy;  // pgd.
  PgdOptions::Start start = PgdOptions::Start::kUniform;    // pgd; fgsm without kGaussian.
  NoiseOptions::Kind kind = NoiseOptions::Kind::kUniform;   // noise.
  // pgd: weights of the distance of the classifier's first and second feature (FeaturePgd).
  double feature_weights[2] = {0.0, 0.0};
  // All but noise: made on the classifier with the features of the clean pictures held. Such an
  // attack is weak: its pictures must be scored on the unmodified classifier.
  bool holds_features = false;

  bool AttacksFeatures() const { return feature_weights[0] > 0 || feature_weights[1] > 0; }
  bool NeedsFeatures() const { return holds_features || AttacksFeatures(); }
};

// "noise", "fgsm", "pgd", "apgd-ce", "apgd-dlr", "apgd-dlr-t", "square": the weak before the
// strong.
std::vector<std::string> AttackNames();

// Reads "NAME" or "NAME:OPTION=VALUE,OPTION=VALUE", such as "pgd:steps=20,restarts=5,loss=ce".
// Options and defaults:
//   noise       kind=uniform|corners, restarts=1
//   fgsm        start=pictures|uniform
//   pgd         steps=20, restarts=1, loss=ce|kl, start=uniform|gaussian|pictures, feat1=0, feat2=0
//   apgd-*      steps=100, restarts=1
//   square      queries=1000
//   all but noise: scope=end2end|image; image holds the features
// Throws Error(kInvalid), listing the choices, for an unknown name, option or value, and for
// features that are to be both attacked and held.
AttackSpec ParseAttack(const std::string& text);

// The attacked pictures (B, C, H, W), detached. The model must be in AttackGuard's state. Throws
// Error(kInvalid) for an unknown name, and what the attack throws.
torch::Tensor RunAttack(const AttackSpec& spec, const LogitsOf& logits_of,
                        const AttackInput& input);

// The same where attacks may see features. Throws Error(kUnsupported) also for an attack that needs
// features and a target that has none.
torch::Tensor RunAttack(const AttackSpec& spec, const AttackTarget& target,
                        const AttackInput& input);

// The same where only success counts: a sample that is fooled costs no more passes, and its picture
// may be one that fools the classifier less clearly. The samples that are fooled are the same.
// noise, apgd-* and square leave a sample alone at once, pgd on the cross-entropy between two
// restarts. Throws Error(kUnsupported) also for an attack that holds features: its target's answers
// are not those that it is scored on, and are of a whole batch.
torch::Tensor RunUntilFooled(const AttackSpec& spec, const AttackTarget& target,
                             const AttackInput& input);

// The samples of a batch at these places, (n) int64 on any device.
AttackInput SelectSamples(const AttackInput& input, const torch::Tensor& places);

// Passes through the classifier that an attack takes for each picture, at most: Square and targeted
// APGD stop when all of a batch are fooled.
struct AttackCost {
  long forward = 0, backward = 0;
};
AttackCost CostOf(const AttackSpec& spec, int classes);

// Where the classifier is right: (B) bool. The samples that are right on the clean pictures and
// under every attack of a list are its worst case.
torch::Tensor Correct(const LogitsOf& logits_of, const torch::Tensor& pictures,
                      const torch::Tensor& labels);

}  // namespace hepar
