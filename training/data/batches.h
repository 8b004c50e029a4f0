// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/torch.h>

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
};

struct BatchOptions {
  int size = 16;  // At most; the batches of an epoch differ by one picture at most.
  std::uint64_t seed = 1;
  std::optional<AugmentationOptions> augmentation;
  bool prefetch = false;  // Make the next batch on another thread while this one is used.
};

// The batches that a training run sees. Order and augmentation are pure functions of seed, epoch
// and picture, so that (epoch, step) is all the state there is: a run that goes on from there sees
// what it would have seen.
class Batches {
 public:
  // `data` must outlive this. Throws Error(kInvalid) when `indices` is empty.
  Batches(const PreparedDataset& data, std::vector<int> indices, const BatchOptions& options,
          torch::Device device);
  ~Batches();

  int pictures() const { return static_cast<int>(indices_.size()); }
  int steps() const;  // Of one epoch.

  // Batch `step` (0..steps()-1) of `epoch`, on the device.
  Batch Get(int epoch, int step);

 private:
  struct Key {
    int epoch, step;
    bool operator==(const Key& other) const { return epoch == other.epoch && step == other.step; }
  };

  const std::vector<int>& OrderOf(int epoch);
  Batch Make(int epoch, const std::vector<int>& chosen) const;
  std::vector<int> ChosenFor(const Key& key);

  const PreparedDataset& data_;
  std::vector<int> indices_;
  BatchOptions options_;
  torch::Device device_;
  std::vector<int> order_;
  int order_epoch_ = -1;
  Key next_key_{-1, -1};
  std::future<Batch> next_;
};

// The pictures `indices` as they are, on the device.
Batch MakeBatch(const PreparedDataset& data, const std::vector<int>& indices, torch::Device device);

}  // namespace hepar
