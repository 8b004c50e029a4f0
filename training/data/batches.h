// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <future>
#include <vector>

#include "training/data/batches_options.h"
#include "training/data/prepared_dataset.h"

namespace hepar {

struct Batch {
  torch::Tensor pictures;  // (B, C, H, W) float32 in [0,1].
  torch::Tensor labels;    // (B) int64.
  // Seeds of the random numbers of each picture beyond its augmentation, such as the start of an
  // attack.
  std::vector<std::uint64_t> seeds;
  // (B) float32: the grade with what the percentage of fat says of its place within the grade, from
  // the label to the label + 1; not a number where the percentage is unknown.
  torch::Tensor severities = {};
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
// and picture, so that (epoch, step) is the whole state: a run that resumes from there sees
// the same batches.
class Batches {
 public:
  // `data` must outlive this. Throws Error(kInvalid) when there is no picture.
  Batches(const PreparedDataset& data, std::vector<int> indices, const BatchesOptions& options,
          torch::Device device);
  // Throws Error(kInvalid) also when a part has fewer pictures than there are steps.
  Batches(const PreparedDataset& data, Parts parts, const BatchesOptions& options,
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
  BatchesOptions options_;
  torch::Device device_;
  std::vector<std::vector<Turn>> order_;  // Of each part.
  int order_epoch_ = -1;
  Key next_key_{-1, -1};
  std::future<Batch> next_;
};

// The pictures `indices` as they are, on the device.
Batch MakeBatch(const PreparedDataset& data, const std::vector<int>& indices, torch::Device device);

}  // namespace hepar
