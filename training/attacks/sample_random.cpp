// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/sample_random.h"

#include <ATen/CPUGeneratorImpl.h>

namespace hepar {

SampleRandom::SampleRandom(const std::vector<std::uint64_t>& seeds) {
  generators_.reserve(seeds.size());
  for (const auto seed : seeds) {
    // LibTorch's engine uses the low half of a seed only.
    generators_.push_back(at::make_generator<at::CPUGeneratorImpl>(seed ^ (seed >> 32)));
  }
}

torch::Tensor SampleRandom::Normal(const torch::Tensor& pictures) {
  auto values = torch::empty(pictures.sizes(), pictures.options().device(torch::kCPU));
  for (std::size_t i = 0; i < generators_.size(); ++i) values[i].normal_(0, 1, generators_[i]);
  return values.to(pictures.device());
}

torch::Tensor SampleRandom::Uniform(const torch::Tensor& pictures) {
  auto values = torch::empty(pictures.sizes(), pictures.options().device(torch::kCPU));
  for (std::size_t i = 0; i < generators_.size(); ++i) values[i].uniform_(-1, 1, generators_[i]);
  return values.to(pictures.device());
}

torch::Tensor SampleRandom::Signs(const torch::Tensor& pictures, std::int64_t channels,
                                  std::int64_t rows, std::int64_t columns) {
  const auto batch = static_cast<std::int64_t>(generators_.size());
  auto bits =
      torch::empty({batch, channels, rows, columns}, pictures.options().device(torch::kCPU));
  for (std::size_t i = 0; i < generators_.size(); ++i) bits[i].random_(0, 2, generators_[i]);
  return bits.mul_(2).sub_(1).to(pictures.device());
}

torch::Tensor SampleRandom::Below(std::int64_t bound) {
  auto values = torch::empty(static_cast<std::int64_t>(generators_.size()), torch::kInt64);
  for (std::size_t i = 0; i < generators_.size(); ++i) {
    values[i].random_(0, bound, generators_[i]);
  }
  return values;
}

}  // namespace hepar
