// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "models/named_values.h"
#include "training/data/augmentation.h"

namespace hepar {

// Which pictures an epoch shows.
enum class Sampling {
  kEach,  // Each picture once.
  // Each class equally often, in as many pictures: those of small classes are repeated. With
  // several processes, among the pictures of each.
  kBalanced,
};
inline constexpr NamedValue<Sampling> kSamplings[] = {{"each", Sampling::kEach},
                                                      {"balanced", Sampling::kBalanced}};

struct BatchesOptions {
  // At most, but for an odd number of pictures in twos, where one batch has three: no batch has one
  // picture unless this is 1. The batches of an epoch differ by one picture at most.
  int size = 16;
  Sampling sampling = Sampling::kEach;
  std::uint64_t seed = 1;
  std::optional<AugmentationOptions> augmentation;
  bool prefetch = false;  // Make the next batch on another thread while this one is used.
};

}  // namespace hepar
