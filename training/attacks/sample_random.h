// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace hepar {

// Random numbers of a batch, each sample's from a generator of its own: they depend on its seed and
// on what was drawn for it before, not on its place, on the batch's size or on the device. They are
// made on the CPU and moved. Not thread-safe.
class SampleRandom {
 public:
  // All 64 bits of a seed count; one below 2^32 gives what a CPUGeneratorImpl of it gives.
  explicit SampleRandom(const std::vector<std::uint64_t>& seeds);

  // In the shape, type and device of `pictures` (B, C, H, W): standard normal, and uniform in
  // [-1, 1).
  torch::Tensor Normal(const torch::Tensor& pictures);
  torch::Tensor Uniform(const torch::Tensor& pictures);

  // -1 or 1: (B, channels, rows, columns) in the type and device of `pictures`.
  torch::Tensor Signs(const torch::Tensor& pictures, std::int64_t channels, std::int64_t rows,
                      std::int64_t columns);

  // A whole number in [0, bound) for each sample: (B) int64 on the CPU.
  torch::Tensor Below(std::int64_t bound);

 private:
  std::vector<at::Generator> generators_;
};

}  // namespace hepar
