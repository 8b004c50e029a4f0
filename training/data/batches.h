// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <future>
#include <optional>
#include <vector>

#include "training/data/augmentation.h"
#include "training/data/dataset.h"

namespace hepar {

struct Batch {
  torch::Tensor pictures;  // (B, C, H, W) float32 in [0,1].
  torch::Tensor labels;    // (B) int64.
  // Of what is random about each picture beyond its augmentation, such as the start of an attack.
  std::vector<std::uint64_t> seeds;
};

// Which pictures an epoch shows.
enum class Sampling {
  kEach,  // Each picture once.
  // Each class equally often, in as many pictures: those of small classes come again. With several
  // processes, among the pictures of each.
  kBalanced,
};

struct BatchOptions {
  int size = 16;  // At most; the batches of an epoch differ by one picture at most.
  Sampling sampling = Sampling::kEach;
  std::uint64_t seed = 1;
  std::optional<AugmentationOptions> augmentation;
  bool prefetch = false;  // Make the next batch on another thread while this one is used.
};

// The pictures of one run, divided among the processes that train together: each batch takes its
// share of every part. One process that has all parts sees the batches that several, with a part
// each, see together.
struct Parts {
  std::vector<std::vector<int>> indices;  // Those of this process.
  int first = 0;                          // The number of its first part among all.
  int pictures = 0;                       // Of all parts.
};

// The batches that a training run sees. Order and augmentation are pure functions of seed, epoch
// and picture, so that (epoch, step) is all the state there is: a run that goes on from there sees
// what it would have seen.
class Batches {
 public:
  // `data` must outlive this. Throws Error(kInvalid) when there is no picture.
  Batches(const PreparedDataset& data, std::vector<int> indices, const BatchOptions& options,
          torch::Device device);
  // Throws Error(kInvalid) also when a part has fewer pictures than there are steps.
  Batches(const PreparedDataset& data, Parts parts, const BatchOptions& options,
          torch::Device device);
  ~Batches();

  int pictures() const { return pictures_; }  // Of an epoch, in all processes.
  int steps() const;                          // Of one epoch.

  // Batch `step` (0..steps()-1) of `epoch`, on the device.
  Batch Get(int epoch, int step);

 private:
  struct Key {
    int epoch, step;
    bool operator==(const Key& other) const { return epoch == other.epoch && step == other.step; }
  };

  // A picture in an epoch's order.
  struct Turn {
    int index;
    int repetition;  // How often it came before in this epoch.
  };

  const std::vector<std::vector<Turn>>& OrderOf(int epoch);
  Batch Make(int epoch, const std::vector<Turn>& chosen) const;
  std::vector<Turn> ChosenFor(const Key& key);

  const PreparedDataset& data_;
  Parts parts_;
  int pictures_;
  BatchOptions options_;
  torch::Device device_;
  std::vector<std::vector<Turn>> order_;  // Of each part.
  int order_epoch_ = -1;
  Key next_key_{-1, -1};
  std::future<Batch> next_;
};

// The pictures `indices` as they are, on the device.
Batch MakeBatch(const PreparedDataset& data, const std::vector<int>& indices, torch::Device device);

}  // namespace hepar
