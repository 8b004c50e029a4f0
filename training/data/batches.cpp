// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/batches.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "models/error.h"
#include "models/nets/picture_tensor.h"

namespace hepar {
namespace {

// SplitMix64's finaliser: neighbouring inputs give unrelated outputs.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// Distinct streams of one seed.
enum Stream : std::uint64_t { kOrder = 1, kAugmentation = 2 };

std::uint64_t SeedFor(std::uint64_t seed, Stream stream, int epoch, int index = 0) {
  return Mix(Mix(Mix(Mix(seed) + stream) + static_cast<std::uint64_t>(epoch)) +
             static_cast<std::uint64_t>(index));
}

// Written out because what std::shuffle does with a generator differs between libraries.
void Shuffle(std::vector<int>& values, std::uint64_t seed) {
  for (std::size_t i = values.size(); i > 1; --i) {
    seed = Mix(seed);
    std::swap(values[i - 1], values[seed % i]);
  }
}

Batch Collate(const PreparedDataset& data, const std::vector<int>& indices,
              const std::function<cv::Mat(int)>& picture_of) {
  std::vector<torch::Tensor> pictures;
  std::vector<std::int64_t> labels;
  for (int index : indices) {
    pictures.push_back(PictureToTensor(picture_of(index)));
    labels.push_back(data.dataset().samples[index].label);
  }
  return {torch::stack(pictures), torch::tensor(labels, torch::kInt64)};
}

Batch ToDevice(const Batch& batch, torch::Device device) {
  return {batch.pictures.to(device), batch.labels.to(device)};
}

}  // namespace

Batches::Batches(const PreparedDataset& data, std::vector<int> indices, const BatchOptions& options,
                 torch::Device device)
    : data_(data), indices_(std::move(indices)), options_(options), device_(device) {
  if (indices_.empty() || options_.size < 1) {
    throw Error(ErrorKind::kInvalid, "no picture to make batches of");
  }
}

Batches::~Batches() {
  if (next_.valid()) next_.wait();
}

int Batches::steps() const { return (pictures() + options_.size - 1) / options_.size; }

const std::vector<int>& Batches::OrderOf(int epoch) {
  if (epoch != order_epoch_) {
    order_ = indices_;
    Shuffle(order_, SeedFor(options_.seed, kOrder, epoch));
    order_epoch_ = epoch;
  }
  return order_;
}

std::vector<int> Batches::ChosenFor(const Key& key) {
  const auto& order = OrderOf(key.epoch);
  // Even shares: a last batch of one picture would give batch normalisation nothing to work with.
  const auto begin = order.size() * key.step / steps();
  const auto end = order.size() * (key.step + 1) / steps();
  return {order.begin() + begin, order.begin() + end};
}

Batch Batches::Make(int epoch, const std::vector<int>& chosen) const {
  return Collate(data_, chosen, [&](int index) {
    const cv::Mat& pixels = data_.image(index).pixels;
    if (!options_.augmentation) return pixels;
    return Augment(pixels, *options_.augmentation,
                   SeedFor(options_.seed, kAugmentation, epoch, index));
  });
}

Batch Batches::Get(int epoch, int step) {
  const Key key{epoch, step};
  Batch batch;
  if (next_.valid() && next_key_ == key) {
    batch = next_.get();
  } else {
    if (next_.valid()) next_.wait();
    batch = Make(epoch, ChosenFor(key));
  }
  if (options_.prefetch) {
    next_key_ = step + 1 < steps() ? Key{epoch, step + 1} : Key{epoch + 1, 0};
    next_ = std::async(std::launch::async,
                       [this, epoch = next_key_.epoch, chosen = ChosenFor(next_key_)] {
                         return Make(epoch, chosen);
                       });
  }
  return ToDevice(batch, device_);
}

Batch MakeBatch(const PreparedDataset& data, const std::vector<int>& indices,
                torch::Device device) {
  return ToDevice(Collate(data, indices, [&data](int index) { return data.image(index).pixels; }),
                  device);
}

}  // namespace hepar
