// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

namespace hepar {

// How a model tells a liver of its own scanners from a liver of another scanner or setting, and
// what its answers are worth there. A bundle keeps it beside the DomainModel, with which it shares
// mean and scale: the same distance, but with correlations that are shrunk less, so that the fine
// texture of a scanner counts for more than what organs have in common.
//
// A picture whose score is above `unfamiliar_above` is unfamiliar. The share of the model's
// evidence that counts falls from 1 there to `evidence` at `full_doubt_above`
// (models/decision/doubt.h).
struct Familiarity {
  std::vector<double> factor;     // As DomainModel::factor.
  double unfamiliar_above = 1.0;  // Above 0.
  double full_doubt_above = 2.0;  // Above `unfamiliar_above`.
  double evidence = 0.0;          // 0..1.

  friend bool operator==(const Familiarity& a, const Familiarity& b) {
    return a.factor == b.factor && a.unfamiliar_above == b.unfamiliar_above &&
           a.full_doubt_above == b.full_doubt_above && a.evidence == b.evidence;
  }
};

// Grows when what the fields mean changes.
constexpr int kFamiliarityVersion = 1;

}  // namespace hepar
